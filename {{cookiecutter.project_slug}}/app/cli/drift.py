from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from app.cli.common import DEFAULT_TENANT, out, with_caller
from app.core.reasons import check_reason
from app.identity.domain import Principal
from app.monitoring.domain.drift.report import DriftReport
from app.wiring import State


def show(
    tenant: Annotated[str, typer.Option(help="Whose traffic.")] = DEFAULT_TENANT,
    group: Annotated[
        list[str] | None, typer.Option("--group", help="An access group you hold; may be repeated.")
    ] = None,
    now: Annotated[bool, typer.Option("--now", help="Compare first.")] = False,
    pin: Annotated[bool, typer.Option("--pin", help="Make the last week the reference; needs --reason.")] = False,
    reason: Annotated[str, typer.Option(help="Why the last week is the new usual; for the audit log.")] = "",
) -> None:
    """Show how live traffic differs from the pinned week, by signal, with answers that show it."""

    async def work(state: State, caller: Principal) -> DriftReport:
        if pin:
            await state.monitoring.drift.pin(caller, check_reason(reason))
        if now:
            await state.monitoring.drift.run(caller.tenant_id)
        return await state.monitoring.drift.report(caller)

    report = with_caller(tenant, work, group)
    if (references := report.references) is None:
        out.print("There is no healthy week yet to compare with; --pin makes the last week the reference.")
        return
    since, until = references.questions.since, references.questions.until
    out.print(f"Compared with {since:%Y-%m-%d} to {until:%Y-%m-%d}.", highlight=False)
    if references.answers.release_id:
        since, until, release = references.answers.since, references.answers.until, references.answers.release_id[:12]
        out.print(f"Answers with {since:%Y-%m-%d} to {until:%Y-%m-%d}, of release {release}.", highlight=False)
    table = Table("signal", "drifted", "effect", "p", "alpha", "answers", "checked (UTC)")
    for each in report.checks:
        check = each.check
        numbers = (f"{check.effect:+.3f}", f"{check.p:.2g}", f"{check.alpha:.2g}", f"{check.window}/{check.reference}")
        table.add_row(check.signal, "yes" if each.drifted else "no", *numbers, f"{each.at:%Y-%m-%d %H:%M}")
    out.print(table if table.row_count else "Too few answers came since then.")
    for example in report.examples.values():
        out.print(escape(example.question), style="dim", highlight=False)
