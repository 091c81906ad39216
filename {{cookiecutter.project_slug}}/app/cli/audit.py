import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from app.cli.common import actor, err, out, with_state
from app.core.audit import Head, Line
from app.wiring import State

app = typer.Typer(help="The audit log: who did what, and proof that it is unchanged.", no_args_is_help=True)


@app.command("list")
def list_lines(
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many.")] = 30,
    below: Annotated[int | None, typer.Option(help="Only lines before this one.")] = None,
) -> None:
    """Show the newest acts of control, the newest first."""

    async def work(state: State) -> list[Line]:
        return list(await state.audit.page(limit, below))

    table = Table("line", "when (UTC)", "who", "did", "to", "before > after", "why", box=None)
    table.columns[3].no_wrap = True
    for line in with_state(work):
        change = " > ".join(filter(None, (_short(line.before), _short(line.after))))
        cells = (line.actor, line.action, _short(line.subject), change, line.reason)
        table.add_row(str(line.sequence), f"{line.at:%Y-%m-%d %H:%M:%S}", *(escape(each) for each in cells))
    out.print(table)


def _short(text: str | None) -> str:
    return " ".join(word[:12] if len(word) == 64 else word for word in (text or "").split())


@app.command()
def verify(
    head: Annotated[
        Path | None, typer.Option(help="An export, or a head alone: finds a cut tail.", exists=True, dir_okay=False)
    ] = None,
) -> None:
    """Recompute the whole hash chain. Exit status 1: a line was changed or removed; the message names the first one."""
    exported = Head.read(head.read_text(encoding="utf-8")) if head else None
    result = with_state(lambda state: state.audit.verify(actor(), exported))
    newest = f", up to {result.head.hash}" if result.head else ""
    out.print(f"{result.lines:,} lines are as they were written{newest}.", highlight=False, soft_wrap=True)
    if exported is None:
        err.print("Whether the newest lines were cut off, only a head shows that was kept elsewhere (--head).")


@app.command()
def export(
    file: Annotated[
        Path | None, typer.Argument(help="Where to write it; else standard output.", dir_okay=False)
    ] = None,
) -> None:
    """Write every line as JSON, and the head as the last one. Keep it outside of the database."""

    async def work(state: State) -> Head | None:
        if file is None:
            return await state.audit.export(sys.stdout.buffer.write)
        with file.open("wb") as opened:
            return await state.audit.export(opened.write)

    head = with_state(work)
    if file is not None:
        out.print(f"Written to {file}, up to line {head.sequence if head else 0}.", highlight=False, soft_wrap=True)
