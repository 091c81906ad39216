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
"""The last two directives make the browser refuse to parse any string as markup."""
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
    """The review page. It holds no data and asks for a key."""
    return _page("/console/")


@router.get("/budgets")
async def show_budgets() -> Response:
    """The page of budgets and costs. It holds no data and asks for a key."""
    return _page("/console/budgets")


@router.get("/files/{name}")
async def show_file(name: str, if_none_match: Annotated[str | None, Header()] = None) -> Response:
    """A script, a style sheet or an icon of these pages. Errors: NotFound."""
    file = files().get(name)
    if file is None or name in PAGES.values():
        raise NotFound(f"The console has no file {name}.")
    # Revalidated on each load, so that a page never mixes files of two versions.
    headers = HEADERS | {"cache-control": "no-cache", "etag": file.etag}
    if if_none_match and file.etag in if_none_match:
        return Response(None, 304, headers)
    return Response(file.content, 200, headers, file.media_type)


def _page(address: str) -> Response:
    file = files()[PAGES[address]]
    return Response(file.content, 200, HEADERS | {"cache-control": "no-store"}, file.media_type)
