from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Request
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from app.core.errors import BadRequest
from app.core.intake import check_form


@asynccontextmanager
async def form_of(request: Request, max_files: int) -> AsyncIterator[FormData]:
    """The multipart form of a request, read after authentication; a form declared as a parameter would be read before.

    Errors: BadRequest when it is no form or has too many parts, Invalid when a part cannot be stored.
    """
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise BadRequest("The body is not a multipart form.", action="Send the files as multipart/form-data.")
    try:
        form = await request.form(max_files=max_files, max_fields=200)
    except HTTPException as error:
        if error.status_code != 400:
            raise
        raise BadRequest(f"The form cannot be read: {error.detail}") from error
    except ClientDisconnect as error:
        raise BadRequest("The connection ended before the form was complete.") from error
    try:
        check_form(form)
        yield form
    finally:
        await form.close()
