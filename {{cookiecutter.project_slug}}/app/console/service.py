"""The files of the console. They hold no data, so they need no key."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType

from app.core.errors import StartRefused
from app.core.templates import template_environment

ROOT = "/console/"
FOLDER = Path(__file__).parent / "pages"
FRAME = Path(__file__).parent / "templates" / "console.html"
"""Of every page."""
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
SIGNED_IN = "sign-in"
"""The query parameter in which a page gets the reason why a sign-in was refused."""
SESSIONS = tuple(f"{ROOT}{name}" for name in ("sign-in", "signed-in", "session", "sign-out"))


@dataclass(frozen=True, slots=True)
class ConsolePage:
    """A page, which `script` draws.

    name: the end of its address. about: what it is about. commands: those of the command line with the same functions.
    needs: the permission of those who see it in the navigation; empty for a page that others open.
    """

    name: str
    title: str
    about: str
    script: str
    commands: str
    needs: str = ""

    @property
    def address(self) -> str:
        return f"{ROOT}{self.name}"

    @property
    def link(self) -> str:
        """The address as seen from another page, whatever prefix the service has."""
        return self.name or "./"


PAGES = (
    ConsolePage("", "Reviews", "reviews", "reviews.js", "app review", "reviews:read"),
    ConsolePage("quarantine", "Quarantine", "quarantine", "quarantine.js", "app quarantine", "quarantine:read"),
    ConsolePage("budgets", "Budgets", "budgets and costs", "budgets.js", "app budget, app costs", "costs:read"),
    ConsolePage(
        "error-budgets",
        "Error budgets",
        "the objectives and their error budgets",
        "error_budgets.js",
        "app monitoring budgets, app monitoring allow",
        "governance:read",
    ),
    ConsolePage(
        "document", "Document", "a document with the place of a citation", "document.js", "app documents show --text"
    ),
)
"""In the order of the navigation."""


@dataclass(frozen=True, slots=True)
class ConsoleFile:
    content: bytes
    media_type: str
    etag: str


@cache
def files() -> Mapping[str, ConsoleFile]:
    """Every file that pages load, by its name, read once. Errors: StartRefused when one, or the frame of the pages, is
    not installed.
    """
    by_name = {path.name: _read(path) for path in sorted(FOLDER.iterdir()) if path.suffix in TYPES}
    installed = {*by_name, *(path.name for path in FRAME.parent.glob("*.html"))}
    if missing := sorted({FRAME.name, *(page.script for page in PAGES)} - installed):
        raise StartRefused(f"The console lacks {', '.join(missing)}: install it again, or set APP_CONSOLE=false.")
    return MappingProxyType(by_name)


@cache
def render(page: ConsolePage) -> str:
    """The HTML of a page: the frame, without data."""
    return template_environment("app.console").get_template(FRAME.name).render(page=page, pages=PAGES)


def addresses() -> set[str]:
    """The paths of the console. They need no key, and are served also while no release is."""
    return {"/console", *(page.address for page in PAGES), *SESSIONS, *(f"{ROOT}files/{name}" for name in files())}


def _read(path: Path) -> ConsoleFile:
    content = path.read_bytes()
    return ConsoleFile(content, TYPES[path.suffix], f'"{sha256(content).hexdigest()[:32]}"')
