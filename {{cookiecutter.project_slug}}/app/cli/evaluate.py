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
NOT_MEASURED = 3
WIDE_COLUMNS = ("reason", "tolerance")
"""Columns left out in a terminal; the reasons of verdicts other than PASS follow below the table."""
STYLES = {"PASS": "green", "FAIL": "bold red", "INCONCLUSIVE": "yellow"}

ReleaseOption = Annotated[
    str | None, typer.Option(help="Number, id or prefix; else a draft of the files of this folder.")
]
Against = Annotated[
    Path | None, typer.Option(help="A report.json to compare with, instead of the release that is live.", exists=True)
]


def evaluate(
    release: ReleaseOption = None,
    suite: Annotated[str, typer.Option(help="One suite; only the verdict on all is evidence.")] = ALL_SUITES,
    against: Against = None,
    folder: Annotated[
        Path | None, typer.Option("--out", help="Write report.json, report.md and report.html there.", file_okay=False)
    ] = None,
) -> None:
    """Measure a release against the live one. Exit status: 0 PASS, 1 FAIL, 2 INCONCLUSIVE, 3 could not be measured."""
    with _errors_exit_with_3():
        content = with_state(lambda state: _measure(state, release, suite, against))
        report = Report.read(content)
        if folder:
            _write(folder, content, report)
    _show(report)
    raise typer.Exit(EXIT[report.verdict])


async def _measure(state: State, release: str | None, suite: str, against: Path | None) -> bytes:
    if release is None:
        release = (await state.releases.create(actor(), reason="evaluated at the command line")).id
    baseline = await asyncio.to_thread(against.read_bytes) if against else None
    run = await state.evaluations.start(actor(), release, suite, baseline, queued=False)
    with _progress() as progress:
        ended = await state.evaluations.execute(run.id, progress)
    return await state.evaluations.report(ended.id)


@contextmanager
def _errors_exit_with_3() -> Iterator[None]:
    """An error ends with exit status 3, so that it is never read as a verdict."""
    try:
        yield
    except (StartRefused, Problem) as error:
        todo = getattr(error, "what_to_do", None)
        err.print(escape(f"app: {error}" + (f" {todo}" if todo else "")), highlight=False, soft_wrap=True)
        raise typer.Exit(NOT_MEASURED) from error
    except Exception as error:
        err.print(f"app: an unexpected {type(error).__name__}; nothing was decided.", highlight=False)
        raise typer.Exit(NOT_MEASURED) from error


class _Bars:
    """Shows one progress bar for each named step."""

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
    for summary in as_tables(report):
        columns = [number for number, name in enumerate(summary.columns) if name not in WIDE_COLUMNS]
        table = Table(*(summary.columns[number] for number in columns), title=summary.title, title_justify="left")
        table.columns[0].no_wrap = True
        for row, verdict in zip(summary.rows, summary.verdicts, strict=True):
            table.add_row(
                *(escape(row[number]) for number in columns), style=STYLES[verdict] if verdict != "PASS" else ""
            )
        out.print(table)
    for reason in (*reasons(report), *notes(report)):
        out.print(f"- {escape(reason)}", highlight=False)
    out.print(f"[{STYLES[report.verdict]}]{escape(headline(report))}[/]", highlight=False)
    out.print(f"[dim]Report {report.digest}[/dim]", highlight=False)
