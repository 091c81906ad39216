from typing import Annotated

from fastapi import APIRouter, Header
from fastapi.responses import Response

from app.console.service import PAGES, files
from app.core.errors import NotFound

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
"""The last two make the browser refuse to read any text as markup, whatever a script of ours tries."""
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}

router = APIRouter(prefix="/console", tags=["console"], include_in_schema=False)


@router.get("/")
async def show_reviews() -> Response:
    """The page on which people decide on what was held. It holds no data and asks for a key."""
    return _page("/console/")


@router.get("/budgets")
async def show_budgets() -> Response:
    """The page that shows how budgets stand and where money goes. It holds no data and asks for a key."""
    return _page("/console/budgets")


@router.get("/files/{name}")
async def show_file(name: str, if_none_match: Annotated[str | None, Header()] = None) -> Response:
    """A script, a style or a sign of these pages. Errors: NotFound."""
    found = files().get(name)
    if found is None or name in PAGES.values():
        raise NotFound(f"The console has no file {name}.")
    # Asked for again each time, so that the files of two versions never meet in one page.
    headers = HEADERS | {"cache-control": "no-cache", "etag": found.etag}
    if if_none_match and found.etag in if_none_match:
        return Response(None, 304, headers)
    return Response(found.content, 200, headers, found.media_type)


def _page(address: str) -> Response:
    found = files()[PAGES[address]]
    return Response(found.content, 200, HEADERS | {"cache-control": "no-store"}, found.media_type)
