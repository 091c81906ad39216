"""Multipart forms with a size limit that holds while they arrive, not after."""

from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

from fastapi import Request
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException

from app.core.errors import BadRequest, TooLarge

_FORM_OVERHEAD = 1_000_000


class RequestTooLarge(TooLarge):
    code, title = "request_too_large", "The request is too large"
    action = "Send the files in several requests."


@asynccontextmanager
async def bounded_form(request: Request, most_bytes: int, most_files: int) -> AsyncIterator[FormData]:
    """The form of a request, read only once the caller is known, because a route that declares a form reads it before.

    Errors: RequestTooLarge as soon as the body passes `most_bytes`; BadRequest when it is no multipart form.
    """
    most = most_bytes + _FORM_OVERHEAD
    too_large = RequestTooLarge(f"The request is larger than {most_bytes:,} bytes.")
    declared = request.headers.get("content-length", "0")
    if declared.isdigit() and int(declared) > most:
        raise too_large
    received = 0

    async def receive() -> MutableMapping[str, Any]:
        nonlocal received
        message = await request.receive()
        received += len(message.get("body", b""))
        if received > most:
            raise too_large
        return message

    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise BadRequest("The body is not a multipart form.", action="Send the files as multipart/form-data.")
    try:
        async with Request(request.scope, receive).form(max_files=most_files + 1, max_fields=100) as form:
            yield form
    except HTTPException as error:
        raise BadRequest(f"The form cannot be read: {error.detail}") from error
