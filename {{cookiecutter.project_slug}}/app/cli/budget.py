from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Annotated
from uuid import UUID

import typer
from rich.table import Table

from app.cli.common import DEFAULT_TENANT, actor, out, with_state
from app.costs.domain.budgets import SERVICE, Budget, BudgetSpan, BudgetState
from app.wiring import State

app = typer.Typer(help="Budgets: limits, and what was spent.", no_args_is_help=True)

MICRO = 1_000_000

Tenant = Annotated[str, typer.Option(help="Whose budget.")]
OfService = Annotated[bool, typer.Option("--service", help="The budget of the whole service.")]
Which = Annotated[str, typer.Argument(metavar="day|month", help="Which window.")]
Why = Annotated[str, typer.Option(help="Why; kept in the audit log.")]


@dataclass(frozen=True)
class BudgetLine:
    """name: of the tenant, where there are several."""

    budget: Budget
    status: str
    name: str = ""


@app.command()
def show(tenant: Tenant = DEFAULT_TENANT) -> None:
    """Show the budgets of the service and of a tenant, and how they stand."""

    async def work(state: State) -> list[BudgetLine]:
        return _lines(state, await state.costs.budgets.current(await state.identity.tenant(tenant)))

    _print(with_state(work))


@app.command()
def near() -> None:
    """Show which tenants have nearly or wholly used up a limit of their own, those with the least left first."""

    async def work(state: State) -> list[BudgetLine]:
        lines = _lines(state, await state.costs.budgets.near_limit())
        return [replace(line, name=await state.identity.tenant_name(line.budget.scope)) for line in lines]

    if lines := with_state(work):
        _print(lines)
    else:
        out.print("No tenant is near a limit of its own.")


@app.command("set")
def set_limit(
    which: Which,
    usd: Annotated[str, typer.Argument(help="The limit in US dollars, or 'policy' for what policies/cost.yaml says.")],
    reason: Why,
    tenant: Tenant = DEFAULT_TENANT,
    service: OfService = False,
) -> None:
    """Set what the service or a tenant is allowed, from now on and in every window to come."""
    span, amount = _span(which), None if usd == "policy" else _micro(usd)

    async def work(state: State) -> list[BudgetLine]:
        scope = await _scope(state, tenant, service)
        return _lines(state, [await state.costs.budgets.set(actor(), scope, span, amount, reason)])

    _print(with_state(work))


@app.command()
def grant(
    which: Which,
    usd: Annotated[str, typer.Argument(help="US dollars to add.")],
    reason: Why,
    tenant: Tenant = DEFAULT_TENANT,
    service: OfService = False,
) -> None:
    """Add money to what is allowed for the window that is open now, and no longer."""
    span, amount = _span(which), _micro(usd)
    if amount == 0:
        raise typer.BadParameter("a grant is more than 0")

    async def work(state: State) -> list[BudgetLine]:
        scope = await _scope(state, tenant, service)
        return _lines(state, [await state.costs.budgets.grant(actor(), scope, span, amount, reason)])

    _print(with_state(work))


async def _scope(state: State, tenant: str, service: bool) -> UUID:
    return SERVICE if service else await state.identity.tenant(tenant)


def _span(which: str) -> BudgetSpan:
    if which not in ("day", "month"):
        raise typer.BadParameter("the window is 'day' or 'month'")
    return "day" if which == "day" else "month"


def _micro(usd: str) -> int:
    try:
        amount = Decimal(usd) * MICRO
        if not 0 <= amount <= 10**15 or amount % 1:
            raise ValueError
    except (ArithmeticError, ValueError) as error:
        raise typer.BadParameter("an amount is a number of US dollars such as 12.50") from error
    return int(amount)


def _lines(state: State, budgets: list[Budget]) -> list[BudgetLine]:
    names: dict[BudgetState, str] = {"open": "", "near": "near its limit", "used_up": "used up"}
    return [BudgetLine(each, names[state.costs.budgets.state(each)]) for each in budgets]


def _print(lines: list[BudgetLine]) -> None:
    table = Table("budget", "limit USD", "spent", "held", "used", "opens again", "")
    for column in table.columns[1:5]:
        column.justify = "right"
    for line in lines:
        each = line.budget
        spent, held = _usd(each.committed_micro_usd), _usd(each.held_micro_usd)
        amounts = (_limit(each.limit_micro_usd), spent, held, f"{each.used_percent:.1f} %")
        name = f"{line.name} per {each.span}" if line.name else each.name
        table.add_row(name, *amounts, f"{each.opens_at:%Y-%m-%d %H:%M %Z}", _status(line))
    out.print(table)


def _status(line: BudgetLine) -> str:
    """A tenant may have set itself less than it is allowed."""
    budget = line.budget
    own = f"its own limit; {_limit(budget.allowed_micro_usd)} allowed"
    return ", ".join(filter(None, (line.status, own if budget.lowered else "")))


def _limit(micro: int | None) -> str:
    return "none" if micro is None else _usd(micro)


def _usd(micro: int) -> str:
    return f"{micro / MICRO:.6f}"
