"""The pages about assurance: requirements of public standards with their controls and tests, and trust boundaries."""

import ast
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator
from reference_markdown import page, table
from sqlalchemy import MetaData

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "assurance"
STATES = ("covered", "in part", "not covered", "not applicable")
NETWORK = {"aiohttp", "asyncio", "http", "httpx", "httpx2", "httpx_aiohttp", "socket", "subprocess", "urllib"}
WIDE = {"asyncio", "http", "urllib"}
"""Of these only some parts open anything."""
OPENERS = {"create_subprocess_exec", "create_subprocess_shell", "open_connection", "urlopen"}


class Row(BaseModel):
    """A requirement, with what meets it or why nothing does."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    need: str = Field(min_length=8)
    level: int | None = None
    formerly: str | None = None
    control: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()
    gap: str | None = None
    note: str | None = None
    not_covered: str | None = None
    not_applicable: str | None = None

    @model_validator(mode="after")
    def _one_state(self) -> "Row":
        claimed = bool(self.control) + bool(self.not_covered) + bool(self.not_applicable)
        if claimed != 1 or bool(self.control) != bool(self.tests) or (self.gap and not self.control):
            raise ValueError(f"{self.id}: name controls and tests, or say why it is not covered or not applicable")
        return self

    @property
    def state(self) -> str:
        if self.control:
            return "in part" if self.gap else "covered"
        return "not covered" if self.not_covered else "not applicable"

    @property
    def remark(self) -> str:
        return self.gap or self.not_covered or self.not_applicable or self.note or ""


class Chapter(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    chapter: str
    reasons: tuple[str, ...] = ()
    items: tuple[Row, ...]


class Standard(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    folder: str
    name: str
    about: str

    @property
    def chapters(self) -> tuple[Chapter, ...]:
        return tuple(Chapter.model_validate(_read(file)) for file in sorted((FOLDER / self.folder).glob("*.yaml")))

    @property
    def rows(self) -> tuple[Row, ...]:
        return tuple(row for chapter in self.chapters for row in chapter.items)


class WayOut(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    sends: str
    limit: str


class Boundaries(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    ways_out: dict[str, WayOut]
    connections: dict[str, str]
    stores: dict[str, str]


def _read(file: Path) -> object:
    return yaml.safe_load(file.read_text(encoding="utf-8"))


@cache
def standards() -> tuple[Standard, ...]:
    listed = _read(FOLDER / "standards.yaml")
    assert isinstance(listed, list)  # noqa: S101
    return tuple(Standard.model_validate(each) for each in listed)


@cache
def boundaries() -> Boundaries:
    return Boundaries.model_validate(_read(FOLDER / "boundaries.yaml"))


def controls_page() -> str:
    return page(
        "Controls",
        "What public standards ask of such a service, in words of our own, and what meets it here. The rows are in "
        "`assurance/`; a test fails when a control or a test that they name does not exist, or an id is there twice. "
        "That a test proves a control is the judgement of whoever wrote the row. "
        "[The threat model](../docs/explanation/threat-model.md) says what the controls are for.",
        table(("standard", *STATES, "rows"), [_counted(each) for each in standards()]),
        *(part for each in standards() for part in _standard(each)),
    )


def _counted(standard: Standard) -> tuple[str, ...]:
    counts = Counter(row.state for row in standard.rows)
    return (standard.name, *(str(counts[state]) for state in STATES), str(len(standard.rows)))


def _standard(standard: Standard) -> Iterator[str]:
    yield f"## {standard.name}"
    yield standard.about
    for chapter in standard.chapters:
        yield f"### {chapter.chapter}"
        second = "level" if chapter.items[0].level else "2025"
        yield table(("id", second, "requirement", "state", "control and tests", "remark"), map(_cells, chapter.items))


def _cells(row: Row) -> tuple[str, ...]:
    proof = "; ".join(f"`{each}`" for each in (*row.control, *row.tests))
    return f"`{row.id}`", row.formerly or str(row.level), row.need, row.state, proof, row.remark


def boundaries_page(metadata: MetaData, open_routes: list[str]) -> str:
    known = boundaries()
    return page(
        "Trust boundaries",
        "What comes in, what goes out, and where text of tenants lies. The descriptions are in "
        "`assurance/boundaries.yaml`; a test fails when one is missing. "
        "[The threat model](../explanation/threat-model.md) says what may go wrong at each boundary.",
        "## Ways in",
        "Every route needs a key, a token of the identity provider or a session of the console, except these, which "
        "reach no data: "
        + ", ".join(f"`{each}`" for each in open_routes)
        + ". Where retrieval runs alone, its [internal routes](routes.md#internal-routes) need a key of the processes "
        "and reach every tenant. Which permission each of the others needs, and whose data it reaches, is under "
        "[routes](routes.md). The command line needs no key: whoever can run it on the machine, with the settings of "
        "the service, may do everything.",
        "## Ways out",
        "As shipped, the service talks to its database and to nobody else: no model, no embedding provider, no "
        "collector, no webhook host and no identity provider is configured.",
        table(("named by", "what is sent", "limit"), ((f"`{k}`", v.sends, v.limit) for k, v in known.ways_out.items())),
        "## Files that open connections or start processes",
        table(("file", "to"), ((f"`{file}`", known.connections.get(file, "")) for file in opening_files())),
        "## Stores",
        "Tables with text that people wrote, or with what was derived from it. A row of a tenant is under row-level "
        "security: no transaction of another tenant sees it.",
        table(("table", "rows of", "what it holds"), _stores(metadata)),
    )


def _stores(metadata: MetaData) -> Iterator[tuple[str, ...]]:
    for name, text in boundaries().stores.items():
        owner = "a tenant" if "tenant_id" in metadata.tables[name].c else "the service"
        if text != "none":
            yield f"`{name}`", owner, text


def tenant_tables(metadata: MetaData) -> list[str]:
    return sorted(name for name, each in metadata.tables.items() if "tenant_id" in each.c)


def opening_files() -> list[str]:
    """Files of app/ that import a module for connections or processes, or call one of asyncio's functions for them."""
    files = sorted((ROOT / "app").rglob("*.py"))
    return [file.relative_to(ROOT).as_posix() for file in files if _opens(ast.parse(file.read_text(encoding="utf-8")))]


def _opens(tree: ast.Module) -> bool:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import) and any(_is_network(alias.name) for alias in node.names):
            return True
        if isinstance(node, ast.ImportFrom) and _is_network(node.module or ""):
            return True
        if isinstance(node, ast.Attribute) and node.attr in OPENERS:
            return True
    return False


def _is_network(module: str) -> bool:
    first, _, rest = module.partition(".")
    return first in NETWORK and (
        first not in {"asyncio", "http", "urllib"} or rest in {"subprocess", "client", "request"}
    )
