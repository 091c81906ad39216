import sys
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from app.cli.common import DEFAULT_TENANT, out, with_state
from app.core.redaction import redact
from app.costs.domain import CostReport, CostTotal
from app.costs.domain.reconciliation import Deviation, read_export
from app.costs.domain.unit_costs import UnitCosts
from app.costs.schemas import as_csv
from app.wiring import State

SHORT, RELEASE_DIGITS = 12, 64
MICRO = 1_000_000

Day = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="A day, both ends included.")]
Tenant = Annotated[str, typer.Option(help="Whose costs.")]


def costs(
    tenant: Tenant = DEFAULT_TENANT,
    since: Day = None,
    until: Day = None,
    csv: Annotated[bool, typer.Option("--csv", help="Print a table for other programs instead.")] = False,
    by_tenant: Annotated[bool, typer.Option("--by-tenant", help="Show what each tenant spent instead.")] = False,
) -> None:
    """Show what was spent, by day, feature, model, release, environment, key and person.

    Without dates, of the last 30 days.
    """
    if by_tenant:
        _by_tenant(since, until)
        return

    async def load(state: State) -> tuple[CostReport, UnitCosts, Decimal]:
        tenant_id = await state.identity.tenant(tenant)
        days = [day.date() if day else None for day in (since, until)]
        units = await state.costs.units(tenant_id, *days)
        return await state.costs.totals(tenant_id, *days), units, state.costs.policy.monthly_budget_usd

    report, units, budget = with_state(load)
    if csv:
        sys.stdout.write(redact(as_csv(report, units)))
        return
    title = f"Costs from {report.since} to {report.until} ({report.time_zone})"
    table = Table("", "calls", "tokens in", "tokens out", "USD", title=title, title_justify="left")
    for column in table.columns[1:]:
        column.justify = "right"
    for name in ("day", "feature", "model", "release", "environment", "key", "person"):
        for total in getattr(report, f"by_{name}"):
            table.add_row(escape(f"{name} {total.name or _short(total.key)}"), *_figures(total))
        table.add_section()
    table.add_row("all", *_figures(report.total), style="bold")
    out.print(table)
    for unit in units.units:
        each = "none to share the cost" if unit.each is None else f"{unit.each / MICRO:.6f} USD each"
        out.print(f"{unit.count:,} x {unit.name}: {each}.", highlight=False)
    for release in units.releases:
        change = "" if release.change is None else f", {release.change:+.1%} against the release before"
        out.print(
            f"An answer of {release.release_id[:SHORT]}: {release.each / MICRO:.6f} USD{change}.", highlight=False
        )
    expected = units.forecast.expected_micro_usd / MICRO
    out.print(f"This month of {tenant} will come to about {expected:.6f} USD.", highlight=False)
    out.print(f"A month of the whole service may cost {budget:f} USD.", highlight=False)


def _by_tenant(since: datetime | None, until: datetime | None) -> None:
    async def load(state: State) -> list[tuple[str, CostTotal]]:
        totals = await state.costs.by_tenant(*[day.date() if day else None for day in (since, until)])
        return [(await state.identity.tenant_name(each), total) for each, total in totals]

    table = Table("tenant", "calls", "tokens in", "tokens out", "USD")
    for column in table.columns[1:]:
        column.justify = "right"
    for name, total in with_state(load):
        table.add_row(name, *_figures(total))
    out.print(table)


def _short(key: str) -> str:
    return key[:SHORT] if len(key) == RELEASE_DIGITS else key or "none"


def _figures(total: CostTotal) -> tuple[str, ...]:
    return (
        f"{total.calls:,}",
        f"{total.input_tokens:,}",
        f"{total.output_tokens:,}",
        f"{total.micro_usd / 1_000_000:.6f}",
    )


def reconcile(
    export: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="The provider's usage: CSV or JSON lines.")
    ],
) -> None:
    """Compare the ledger of all tenants with a provider's usage export. Exit status 1: they differ."""
    provider = read_export(export.read_bytes())

    async def load(state: State) -> list[Deviation]:
        return await state.costs.reconcile(provider, await state.costs.budgets.payers())

    deviations = with_state(load)
    if not deviations:
        out.print("The ledger and the export say the same.")
        return
    table = Table("day", "model", "", "tokens in", "tokens out", "USD")
    for each in deviations:
        for name, usage in (("ledger", each.ledger), ("provider", each.provider)):
            usd = "" if usage.micro_usd is None else f"{usage.micro_usd / MICRO:.6f}"
            table.add_row(f"{each.day}", each.model, name, f"{usage.input:,}", f"{usage.output:,}", usd)
    out.print(table)
    raise typer.Exit(1)
