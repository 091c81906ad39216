from app.costs.repository.answer_statements import (
    LEDGER_AS_TENANT,
    LEDGER_SQL,
    SETTLE_AS_TENANT,
    SETTLE_SQL,
    ledger_parameters,
    settle_parameters,
)
from app.costs.service.budget_limits import Budgets
from app.costs.service.ledger import Costs, make_price_table
from app.costs.service.reservations import Reservations

__all__ = [
    "LEDGER_AS_TENANT",
    "LEDGER_SQL",
    "SETTLE_AS_TENANT",
    "SETTLE_SQL",
    "Budgets",
    "Costs",
    "Reservations",
    "ledger_parameters",
    "make_price_table",
    "settle_parameters",
]
