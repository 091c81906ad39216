import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from app.cli.common import actor, err, out, with_state
from app.core.errors import Problem, StartRefused
from app.evaluation.domain.report import Report
from app.evaluation.domain.suites import ALL_SUITES
from app.evaluation.service.rendering import as_html, as_markdown, as_tables, headline, notes, reasons
from app.wiring import State

EXIT = {"PASS": 0, "FAIL": 1, "INCONCLUSIVE": 2}
BROKEN = 3
NARROW = ("reason", "tolerance")
"""Columns that a terminal has no room for; what is not a PASS says why below the table."""
STYLES = {"PASS": "green", "FAIL": "bold red", "INCONCLUSIVE": "yellow"}

Wanted = Annotated[str | None, typer.Option(help="Number, id or prefix; else a draft of the files of this folder.")]
Against = Annotated[
    Path | None, typer.Option(help="A report.json to compare with, instead of the release that is live.", exists=True)
]


def evaluate(
    release: Wanted = None,
    suite: Annotated[str, typer.Option(help="One suite; only the verdict on all is evidence.")] = ALL_SUITES,
    against: Against = None,
    folder: Annotated[
        Path | None, typer.Option("--out", help="Write report.json, report.md and report.html there.", file_okay=False)
    ] = None,
) -> None:
    """Measure a release against the live one. Exit status: 0 PASS, 1 FAIL, 2 INCONCLUSIVE, 3 could not be measured."""
    with _broken_is_not_failed():
        content = with_state(lambda state: _measured(state, release, suite, against))
        report = Report.read(content)
        if folder:
            _write(folder, content, report)
    _show(report)
    raise typer.Exit(EXIT[report.verdict])


async def _measured(state: State, wanted: str | None, suite: str, against: Path | None) -> bytes:
    if wanted is None:
        wanted = (await state.releases.create(actor(), reason="evaluated at the command line")).id
    given = await asyncio.to_thread(against.read_bytes) if against else None
    run = await state.evaluations.start(actor(), wanted, suite, given, queued=False)
    with _progress() as tell:
        ended = await state.evaluations.execute(run.id, tell)
    return await state.evaluations.report(ended.id)


@contextmanager
def _broken_is_not_failed() -> Iterator[None]:
    """Whoever reads the exit status must never take an accident for a verdict."""
    try:
        yield
    except (StartRefused, Problem) as error:
        todo = getattr(error, "what_to_do", None)
        err.print(escape(f"app: {error}" + (f" {todo}" if todo else "")), highlight=False, soft_wrap=True)
        raise typer.Exit(BROKEN) from error
    except Exception as error:
        err.print(f"app: an unexpected {type(error).__name__}; nothing was decided.", highlight=False)
        raise typer.Exit(BROKEN) from error


class _Bars:
    """A bar for each thing that is being done."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, what: str, done: int, total: int) -> None:
        if what not in self._tasks:
            self._tasks[what] = self._progress.add_task(what, total=total)
        self._progress.update(self._tasks[what], completed=done, total=total)


@contextmanager
def _progress() -> Iterator[_Bars]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err) as progress:
        yield _Bars(progress)


def _write(folder: Path, content: bytes, report: Report) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.json").write_bytes(content)
    (folder / "report.md").write_text(as_markdown(report), encoding="utf-8")
    (folder / "report.html").write_text(as_html(report), encoding="utf-8")
    err.print(f"Reports are in {escape(str(folder))}.", highlight=False)


def _show(report: Report) -> None:
    for shown in as_tables(report):
        kept = [number for number, name in enumerate(shown.columns) if name not in NARROW]
        table = Table(*(shown.columns[number] for number in kept), title=shown.title, title_justify="left")
        table.columns[0].no_wrap = True
        for row, verdict in zip(shown.rows, shown.verdicts, strict=True):
            table.add_row(*(escape(row[number]) for number in kept), style=STYLES[verdict] if verdict != "PASS" else "")
        out.print(table)
    for reason in (*reasons(report), *notes(report)):
        out.print(f"- {escape(reason)}", highlight=False)
    out.print(f"[{STYLES[report.verdict]}]{escape(headline(report))}[/]", highlight=False)
    out.print(f"[dim]Report {report.digest}[/dim]", highlight=False)
