"""The two statements of this room that other rooms send in a batch of their own: a ledger row, and the settlement of
reservations. They go out together with the answer, because each statement sent alone is one more round trip to the
database; `benchmarks/hot_path.py` measures it (docs/reference/measurements.md, "Hot path").
"""

from typing import Any

from app.costs.domain import LedgerRow
from app.costs.domain.budgets import Settlement
from app.costs.tables import ledger

LEDGER_COLUMNS = tuple(column.name for column in ledger.columns)
_PLACEHOLDERS = ", ".join("%s" for _ in LEDGER_COLUMNS)
# Positional, because it is on the hot path: named parameters are put in order on every call.
LEDGER_SQL = f"insert into ledger ({', '.join(LEDGER_COLUMNS)}) values ({_PLACEHOLDERS})"  # noqa: S608

# The same row, written in the statement of a caller who sets the tenant there (core.database.AS_TENANT).
LEDGER_AS_TENANT = f"insert into ledger ({', '.join(LEDGER_COLUMNS)}) select {_PLACEHOLDERS} from as_tenant"  # noqa: S608

SETTLE_SQL = "select budget_settle(%s, %s, %s, %s, %s)"
SETTLE_AS_TENANT = SETTLE_SQL + " from as_tenant"


def ledger_parameters(row: LedgerRow) -> tuple[Any, ...]:
    """The parameters of LEDGER_SQL for one row, in the order of LEDGER_COLUMNS."""
    charge, usage, prices = row.charge, row.charge.usage, row.charge.prices
    return (
        row.tenant_id,
        row.id,
        row.at,
        row.kind,
        row.feature,
        row.subject_id,
        row.key_id,
        row.release_id,
        charge.provider,
        charge.model,
        usage.input,
        usage.cached_input,
        usage.output,
        usage.reasoning,
        prices.input,
        prices.cached_input,
        prices.output,
        prices.call,
        charge.price_table,
        charge.micro_usd,
        row.environment,
    )


def settle_parameters(settled: Settlement) -> tuple[Any, ...]:
    holds = settled.holds
    return (
        [hold.id for hold in holds],
        holds[0].tenant_id,
        [hold.day for hold in holds],
        [hold.stripe for hold in holds],
        settled.micro_usd,
    )
