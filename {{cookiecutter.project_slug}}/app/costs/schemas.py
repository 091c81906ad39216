import csv
import io
from dataclasses import asdict
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field, WithJsonSchema, model_validator

from app.core.base_models import ExactModel
from app.core.json_types import decimal_of
from app.core.reasons import Reason
from app.costs.domain.budgets import SERVICE, Budget, BudgetSpan, BudgetState
from app.costs.domain.ledger_rows import CostReport, CostTotal
from app.costs.domain.unit_costs import ReleaseCost, UnitCost, UnitCosts

MOST_USD = 1_000_000_000


def _described(least: float, text: str) -> WithJsonSchema:
    number = {"type": "number", "minimum": least, "maximum": MOST_USD}
    return WithJsonSchema({"anyOf": [number, {"type": "string", "pattern": text}]})


Amount = Annotated[Decimal, decimal_of(6), Field(ge=0, le=MOST_USD), _described(0, r"^\d{1,9}(\.\d{1,6})?$")]
AmountAboveZero = Annotated[
    Decimal, decimal_of(6), Field(gt=0, le=MOST_USD), _described(1e-6, r"^(?=.*[1-9])\d{1,9}(\.\d{1,6})?$")
]


class CostTotalResponse(BaseModel):
    key: str = Field(
        description="The day, feature, model, release id, key id or person; empty for the whole, or for none."
    )
    name: str = Field("", description="Of a key.")
    calls: int
    input_tokens: int
    cached_tokens: int = Field(description="The part of the input tokens read from the provider's cache.")
    output_tokens: int
    reasoning_tokens: int = Field(description="The part of the output tokens that was spent on reasoning.")
    micro_usd: int
    usd: str = Field(description="The same amount in US dollars, to the micro-dollar.")

    @classmethod
    def of(cls, total: CostTotal) -> "CostTotalResponse":
        return cls(**asdict(total), usd=f"{total.micro_usd / 1_000_000:.6f}")


class BudgetResponse(BaseModel):
    """One limit and its use: committed and held together never exceed it."""

    scope: Literal["service", "tenant"]
    span: BudgetSpan
    starts: date
    limit_micro_usd: int | None = Field(description="With what was granted; null where there is no limit.")
    allowed_micro_usd: int | None = Field(description="What the service allows; a tenant may set less for itself.")
    granted_micro_usd: int = Field(description="Added for this window alone.")
    set_by_hand: bool = Field(description="Whether the limit was set here, and not by policies/cost.yaml.")
    committed_micro_usd: int = Field(description="Spent by calls that were reserved in this window.")
    held_micro_usd: int = Field(description="Set aside for calls under way.")
    used_percent: float
    state: BudgetState = Field(description="near: from the warn_percent of policies/cost.yaml on.")
    opens_at: datetime = Field(description="When the next window begins.")

    @classmethod
    def of(cls, budget: Budget, state: BudgetState) -> "BudgetResponse":
        scope = "service" if budget.scope == SERVICE else "tenant"
        used = round(budget.used_percent, 2)
        return cls.model_validate({**asdict(budget), "scope": scope, "used_percent": used, "state": state})


class BudgetRequest(ExactModel):
    scope: Literal["service", "tenant"] = Field(description="The whole service, or a tenant.")
    tenant: str | None = Field(None, description="Name of another tenant than that of the key; for the role service.")
    span: BudgetSpan
    reason: Reason

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.tenant is not None and self.scope != "tenant":
            raise ValueError("a tenant goes with the scope 'tenant'")
        return self

    @property
    def beyond(self) -> bool:
        """Whether it concerns more than the tenant of the key."""
        return self.scope == "service" or self.tenant is not None


class BudgetLimitRequest(BudgetRequest):
    usd: Amount | None = Field(description="The limit in US dollars; null for what policies/cost.yaml says.")

    @property
    def micro_usd(self) -> int | None:
        return None if self.usd is None else int(self.usd * 1_000_000)


class BudgetGrantRequest(BudgetRequest):
    usd: AmountAboveZero = Field(description="Added to the limit until the window ends.")

    @property
    def micro_usd(self) -> int:
        return int(self.usd * 1_000_000)


class CostsResponse(BaseModel):
    """What this tenant spent, broken down in seven ways; each breakdown adds up to the same total."""

    since: date
    until: date
    time_zone: str
    monthly_budget_usd: str = Field(description="What a month of the whole service may cost, by policies/cost.yaml.")
    price_table: str = Field(description="Digest of the prices in force now; each ledger row names its own.")
    total: CostTotalResponse
    by_day: list[CostTotalResponse]
    by_feature: list[CostTotalResponse]
    by_model: list[CostTotalResponse]
    by_release: list[CostTotalResponse]
    by_environment: list[CostTotalResponse]
    by_key: list[CostTotalResponse]
    by_person: list[CostTotalResponse] = Field(description="The person behind a key, else its name.")

    @classmethod
    def of(cls, totals: CostReport, budget: Decimal, price_table: str) -> "CostsResponse":
        return cls(
            since=totals.since,
            until=totals.until,
            time_zone=totals.time_zone,
            monthly_budget_usd=f"{budget:f}",
            price_table=price_table,
            total=CostTotalResponse.of(totals.total),
            by_day=[CostTotalResponse.of(each) for each in totals.by_day],
            by_feature=[CostTotalResponse.of(each) for each in totals.by_feature],
            by_model=[CostTotalResponse.of(each) for each in totals.by_model],
            by_release=[CostTotalResponse.of(each) for each in totals.by_release],
            by_environment=[CostTotalResponse.of(each) for each in totals.by_environment],
            by_key=[CostTotalResponse.of(each) for each in totals.by_key],
            by_person=[CostTotalResponse.of(each) for each in totals.by_person],
        )


class UnitCostResponse(BaseModel):
    name: str = Field(description="answer, resolved answer, document or evaluation.")
    count: int
    micro_usd: int
    micro_usd_each: float | None = Field(
        description="Of a resolved answer: the cost of all answers, divided by these; null when there are none."
    )

    @classmethod
    def of(cls, unit: UnitCost) -> "UnitCostResponse":
        each = None if unit.each is None else round(unit.each, 3)
        return cls.model_validate({**asdict(unit), "micro_usd_each": each})


class ReleaseCostResponse(BaseModel):
    release_id: str
    first_at: datetime
    answers: int
    micro_usd_each: float
    change: float | None = Field(description="Against the release used before it: 0.1 for a tenth more.")

    @classmethod
    def of(cls, cost: ReleaseCost) -> "ReleaseCostResponse":
        change = None if cost.change is None else round(cost.change, 4)
        return cls.model_validate({**asdict(cost), "micro_usd_each": round(cost.each, 3), "change": change})


class UnitCostsResponse(BaseModel):
    since: date
    until: date
    units: list[UnitCostResponse]
    releases: list[ReleaseCostResponse] = Field(description="In the order of their first answer.")
    month: date
    month_spent_micro_usd: int
    month_expected_micro_usd: int = Field(description="Extrapolated from the last seven days.")

    @classmethod
    def of(cls, costs: UnitCosts) -> "UnitCostsResponse":
        return cls(
            since=costs.since,
            until=costs.until,
            units=[UnitCostResponse.of(each) for each in costs.units],
            releases=[ReleaseCostResponse.of(each) for each in costs.releases],
            month=costs.forecast.month,
            month_spent_micro_usd=costs.forecast.spent_micro_usd,
            month_expected_micro_usd=costs.forecast.expected_micro_usd,
        )


COLUMNS = ("key", "calls", "input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens", "micro_usd")


def as_csv(totals: CostReport, units: UnitCosts) -> str:
    """One line for each day, feature, model, release, environment, key and person, and one for each kind of unit. In
    lines of units `calls` is the number of units, and the tokens are empty.
    """
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(("by", *COLUMNS))
    for by in ("day", "feature", "model", "release", "environment", "key", "person"):
        for total in getattr(totals, f"by_{by}"):
            writer.writerow((by, *(getattr(total, column) for column in COLUMNS)))
    for unit in units.units:
        writer.writerow(("unit", unit.name, unit.count, *[""] * 4, unit.micro_usd))
    return table.getvalue()
