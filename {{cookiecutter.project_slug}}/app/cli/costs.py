from datetime import datetime
from decimal import Decimal
from typing import Annotated

import typer
from rich.table import Table

from app.cli.common import DEFAULT_TENANT, out, with_state
from app.costs.domain import Total, Totals
from app.wiring import State

SHORT, RELEASE_DIGITS = 12, 64

Day = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="A day, both ends included.")]
Tenant = Annotated[str, typer.Option(help="Whose costs.")]


def add_to(app: typer.Typer) -> None:
    app.command()(costs)


def costs(tenant: Tenant = DEFAULT_TENANT, since: Day = None, until: Day = None) -> None:
    """Show what was spent, by day, feature, model, release and environment; without dates, the last 30 days."""

    async def load(state: State) -> tuple[Totals, Decimal]:
        tenant_id = await state.identity.tenant(tenant)
        days = (day.date() if day else None for day in (since, until))
        return await state.costs.totals(tenant_id, *days), state.costs.policy.monthly_budget_usd

    found, budget = with_state(load)
    title = f"Costs from {found.since} to {found.until} ({found.time_zone})"
    table = Table("", "calls", "tokens in", "tokens out", "USD", title=title, title_justify="left")
    for column in table.columns[1:]:
        column.justify = "right"
    for name in ("day", "feature", "model", "release", "environment"):
        for total in getattr(found, f"by_{name}"):
            table.add_row(f"{name} {_short(total.key)}", *_figures(total))
        table.add_section()
    table.add_row("all", *_figures(found.total), style="bold")
    out.print(table)
    out.print(f"A month of the whole service may cost {budget:f} USD.", highlight=False)


def _short(key: str) -> str:
    return key[:SHORT] if len(key) == RELEASE_DIGITS else key or "none"


def _figures(total: Total) -> tuple[str, ...]:
    return (
        f"{total.calls:,}",
        f"{total.input_tokens:,}",
        f"{total.output_tokens:,}",
        f"{total.micro_usd / 1_000_000:.6f}",
    )
