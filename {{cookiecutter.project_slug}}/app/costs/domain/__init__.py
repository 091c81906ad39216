"""The types that other rooms use: prices, usage, the cost policy and ledger rows."""

from app.costs.domain.budgets import BUDGET_CHANGED
from app.costs.domain.ledger_rows import CostReport, CostTotal, Feature, LedgerRow
from app.costs.domain.policy import CostPolicy
from app.costs.domain.prices import BadPrice, ModelPrice, ModelUnpriced, PricedModel, PriceTable, Tier, UnitPrices
from app.costs.domain.usage import Usage

__all__ = [
    "BUDGET_CHANGED",
    "BadPrice",
    "CostPolicy",
    "CostReport",
    "CostTotal",
    "Feature",
    "LedgerRow",
    "ModelPrice",
    "ModelUnpriced",
    "PriceTable",
    "PricedModel",
    "Tier",
    "UnitPrices",
    "Usage",
]
