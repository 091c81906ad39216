"""Settings, application state and output for all commands. The state is imported only by commands that need it."""

import getpass
import os
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar
from uuid import UUID

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table
from rich.text import Text

from app.core.errors import Invalid
from app.core.files import printable
from app.core.redaction import redact
from app.settings import Settings, load_settings

if TYPE_CHECKING:
    from app.identity.domain import Principal
    from app.ingestion.domain.documents import Cursor
    from app.ingestion.domain.views import DocumentDetails, QuarantineEntry
    from app.wiring import State

T = TypeVar("T")


class MaskedConsole(Console):
    """Prints texts, those in tables too, without credentials."""

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(redact(text), **options)


out = MaskedConsole()
err = MaskedConsole(stderr=True)


def print_unmasked(text: str) -> None:
    """For what a person has to copy, such as a new key, which is shown once."""
    Console().print(text, highlight=False, soft_wrap=True, markup=False)


DEFAULT_TENANT = "default"

WhoseDocuments = Annotated[str, typer.Option("--tenant", help="Whose documents.")]


def write_result(file: Path, content: str | bytes) -> None:
    """Writes what a command found, text as UTF-8. Errors: Invalid, naming the file and the reason."""
    try:
        if isinstance(content, str):
            file.write_text(content, encoding="utf-8")
        else:
            file.write_bytes(content)
    except OSError as error:
        raise Invalid(
            f"{printable(str(file))} cannot be written: {error.strerror}.",
            action="Name a file in a folder that is there, and that you may write to.",
        ) from error


def write_or_print(text: str, file: Path | None) -> None:
    """file: None for standard output. Errors: those of `write_result`."""
    if file is None:
        out.print(text, markup=False, highlight=False, soft_wrap=True)
    else:
        write_result(file, text)
        out.print(f"Written to {file}.", highlight=False, soft_wrap=True, markup=False)


def actor() -> str:
    """The name of the operating system's user; it is written to approvals and the audit log."""
    try:
        import pwd
    except ImportError:  # Windows
        return getpass.getuser()
    try:
        return pwd.getpwuid(os.getuid()).pw_name  # not getpass: that believes LOGNAME, which anybody can set
    except KeyError:
        return f"user {os.getuid()}"


def caller_at_the_command_line(tenant_id: UUID, groups: Iterable[str] = ()) -> "Principal":
    """A principal of this tenant with every role: whoever can run commands on this machine may do everything."""
    from app.identity.domain import ALL_ROLES, COMMAND_LINE, Principal

    return Principal(tenant_id, COMMAND_LINE, actor(), ALL_ROLES, frozenset(groups))


def local_moment(time: datetime) -> datetime:
    """A time of this machine's zone as a moment. Errors: typer.BadParameter, when no year holds it."""
    try:
        return time.astimezone()
    except (OverflowError, ValueError):
        raise typer.BadParameter(f"{time:%Y-%m-%d} is out of range.") from None


def place_of(title: str, headings: Sequence[str]) -> str:
    """Where a passage stands: its document's title and the headings above it."""
    return " > ".join(dict.fromkeys((title, *headings)))


def steps_of(timings_ms: Mapping[str, float]) -> str:
    """How long each step took, for the last line of a command."""
    return ", ".join(f"{step} {spent:.1f} ms" for step, spent in timings_ms.items())


def page_after(text: str | None) -> "Cursor | None":
    """The place where a page begins. Errors: BadCursor."""
    from app.ingestion.domain.documents import Cursor

    return Cursor.parse(text) if text else None


def next_page(items: "Sequence[DocumentDetails | QuarantineEntry]", limit: int) -> None:
    """Says how the next page is reached, where there may be one."""
    from app.ingestion.domain.documents import Cursor

    if len(items) == limit:
        cursor = Cursor(items[-1].created_at, items[-1].id).text()
        err.print(f"There may be more: --after {cursor}", markup=False, highlight=False, soft_wrap=True)


def show_facts(facts: Mapping[str, object]) -> None:
    """Prints a line for each fact that is not empty."""
    table = Table.grid(Column(no_wrap=True, style="dim"), Column(overflow="fold"), padding=(0, 2))
    for name, value in facts.items():
        if text := str(value).strip():
            table.add_row(name, escape(text))
    out.print(table, highlight=False)


def settings_for_command() -> Settings:
    """Settings with logs quiet enough for a person at a terminal, unless the environment says otherwise."""
    quiet = {} if "APP_LOG_LEVEL" in os.environ else {"log_level": "WARNING"}
    styled = {} if "APP_LOG_FORMAT" in os.environ else {"log_format": "console"}
    return load_settings(**quiet, **styled)


def with_state(work: Callable[["State"], Awaitable[T]]) -> T:
    """Runs `work` on a built state over a verified database and returns its result. Errors: StartRefused, Problem."""
    from app.core.pooling import PATIENT_SECONDS
    from app.setup.process import run_with
    from app.wiring import build

    return run_with(partial(build, wait_seconds=PATIENT_SECONDS), settings_for_command(), work)


def with_tenant(tenant: str, work: Callable[["State", UUID], Awaitable[T]]) -> T:
    """`with_state` with the id of a tenant by its name. Errors: as `with_state`, and TenantNotFound."""

    async def work_for_tenant(state: "State") -> T:
        return await work(state, await state.identity.tenant(tenant))

    return with_state(work_for_tenant)


def with_caller(
    tenant: str, work: Callable[["State", "Principal"], Awaitable[T]], groups: Iterable[str] | None = None
) -> T:
    """`with_tenant` with `caller_at_the_command_line` instead of the id. groups: the caller's access groups."""
    return with_tenant(tenant, lambda state, id: work(state, caller_at_the_command_line(id, groups or ())))
