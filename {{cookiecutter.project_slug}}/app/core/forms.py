from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Request
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException

from app.core.errors import BadRequest


@asynccontextmanager
async def form_of(request: Request, most_files: int) -> AsyncIterator[FormData]:
    """The multipart form of a request, read only once its caller is known; a declared form would be read before.

    Errors: BadRequest when it is no form or holds more parts than it may.
    """
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise BadRequest("The body is not a multipart form.", action="Send the files as multipart/form-data.")
    try:
        form = await request.form(max_files=most_files, max_fields=200)
    except HTTPException as error:
        if error.status_code != 400:
            raise
        raise BadRequest(f"The form cannot be read: {error.detail}") from error
    try:
        yield form
    finally:
        await form.close()
