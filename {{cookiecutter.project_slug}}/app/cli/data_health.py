from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from app.cli.common import DEFAULT_TENANT, out, with_caller
from app.identity.domain import Principal
from app.monitoring.domain.data_health.health_signal import HealthExample, HealthReport
from app.wiring import State


def show(
    tenant: Annotated[str, typer.Option(help="Whose data.")] = DEFAULT_TENANT,
    group: Annotated[
        list[str] | None, typer.Option("--group", help="An access group you hold; may be repeated.")
    ] = None,
    now: Annotated[bool, typer.Option("--now", help="Check first.")] = False,
) -> None:
    """Show whether documents arrive and are found as usual, with documents that show what is not. Exit status 1: a
    signal is unhealthy."""

    async def work(state: State, caller: Principal) -> HealthReport:
        if now:
            await state.monitoring.data_health.check(caller.tenant_id)
        return await state.monitoring.data_health.report(caller)

    report = with_caller(tenant, work, group)
    if report.checked_at is None:
        out.print("The data was not checked yet. The worker checks it once a day; --now checks it at once.")
        return
    out.print(f"Checked at {report.checked_at:%Y-%m-%d %H:%M} UTC.", highlight=False)
    table = Table("signal", "about", "unhealthy", "value", "usual")
    for each in report.signals:
        figures = (f"{each.value:g}", f"{each.usual:g}")
        table.add_row(each.signal, escape(each.subject), "yes" if each.unhealthy else "no", *figures)
    out.print(table)
    for example in report.examples.values():
        out.print(escape(_line(example)), style="dim", highlight=False)
    if any(each.unhealthy for each in report.signals):
        raise typer.Exit(1)


def _line(example: HealthExample) -> str:
    line = f"{example.source} {example.uri}"
    if change := example.change:
        renamed = [f"{before} is now {after}" for before, after in change.renamed]
        named = [f"added: {name}" for name in change.added] + [f"missing: {name}" for name in change.missing]
        line += f" ({'; '.join([*named, *renamed])})"
    return line
