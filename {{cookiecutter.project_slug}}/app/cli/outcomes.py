import csv
from io import StringIO
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from app.cli.common import DEFAULT_TENANT, err, out, with_caller
from app.core.errors import Invalid
from app.monitoring.service.outcome_import import ImportResult, import_outcomes

app = typer.Typer(help="Outcomes: what came of answers for the business.", no_args_is_help=True)

MAX_SHOWN = 20


@app.callback()
def _group() -> None:
    """Makes a group of a Typer that has one command."""


@app.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="CSV: answer_id, outcome, amount, at.")],
    tenant: Annotated[str, typer.Option(help="Whose answers.")] = DEFAULT_TENANT,
    group: Annotated[list[str] | None, typer.Option(help="An access group you hold; may be repeated.")] = None,
    rejects: Annotated[
        Path | None,
        typer.Option(dir_okay=False, help="Where the lines go that are not stored; else FILE.rejected.csv."),
    ] = None,
) -> None:
    """Store outcomes from a CSV file; importing it again changes nothing. Exit status 1: a line was rejected."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise Invalid(f"{file.name} is not encoded in UTF-8.") from None
    result = with_caller(
        tenant, lambda state, caller: import_outcomes(state.monitoring.business, caller, StringIO(text)), group
    )
    counts = ", ".join(f"{count} {name}" for name, count in sorted(result.results.items())) or "none stored"
    out.print(f"{result.lines} lines: {counts}, {len(result.rejected)} rejected.", highlight=False)
    if result.rejected:
        _report(result, rejects or file.with_suffix(".rejected.csv"))
        raise typer.Exit(1)


def _report(result: ImportResult, path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([result.header, *(each.cells for each in result.rejected)])
    for each in result.rejected[:MAX_SHOWN]:
        err.print(f"Line {each.number}: {escape(each.reason)}", highlight=False)
    if len(result.rejected) > MAX_SHOWN:
        err.print(f"And {len(result.rejected) - MAX_SHOWN} more.")
    err.print(f"The rejected lines are in {escape(str(path))}.", highlight=False)
