"""The files of the console. They hold no data, so they need no key."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType

from app.core.errors import StartRefused

FOLDER = Path(__file__).parent / "pages"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
SIGNED_IN = "sign-in"
"""The query parameter in which a page gets the reason why a sign-in was refused."""
SESSIONS = tuple(f"/console/{name}" for name in ("sign-in", "signed-in", "session", "sign-out"))
PAGES = {
    "/console/": "reviews.html",
    "/console/budgets": "budgets.html",
    "/console/document": "document.html",
    "/console/error-budgets": "error_budgets.html",
    "/console/quarantine": "quarantine.html",
}


@dataclass(frozen=True, slots=True)
class ConsoleFile:
    content: bytes
    media_type: str
    etag: str


@cache
def files() -> Mapping[str, ConsoleFile]:
    """Every file by its name, read once. Errors: StartRefused when a page is not installed."""
    by_name = {path.name: _read(path) for path in sorted(FOLDER.iterdir()) if path.suffix in TYPES}
    if missing := sorted(set(PAGES.values()) - set(by_name)):
        raise StartRefused(f"The console lacks {', '.join(missing)}: install it again, or set APP_CONSOLE=false.")
    return MappingProxyType(by_name)


def addresses() -> set[str]:
    """The paths of the console. They need no key, and are served also while no release is."""
    return {"/console", *PAGES, *SESSIONS, *(f"/console/files/{name}" for name in files())}


def _read(path: Path) -> ConsoleFile:
    content = path.read_bytes()
    return ConsoleFile(content, TYPES[path.suffix], f'"{sha256(content).hexdigest()[:32]}"')
