from datetime import date
from decimal import Decimal

from pydantic import BaseModel, Field

from app.costs.domain import Total, Totals


class TotalView(BaseModel):
    key: str = Field(description="The day, feature, model or release id; empty for the whole.")
    calls: int
    input_tokens: int
    cached_tokens: int = Field(description="The part of the input tokens read from the provider's cache.")
    output_tokens: int
    reasoning_tokens: int = Field(description="The part of the output tokens that was spent on reasoning.")
    micro_usd: int
    usd: str = Field(description="The same amount in US dollars, to the micro-dollar.")

    @classmethod
    def of(cls, total: Total) -> "TotalView":
        return cls(
            key=total.key,
            calls=total.calls,
            input_tokens=total.input_tokens,
            cached_tokens=total.cached_tokens,
            output_tokens=total.output_tokens,
            reasoning_tokens=total.reasoning_tokens,
            micro_usd=total.micro_usd,
            usd=f"{total.micro_usd / 1_000_000:.6f}",
        )


class CostsView(BaseModel):
    """What this tenant spent, taken apart in four ways; each way adds up to the same total."""

    since: date
    until: date
    time_zone: str
    monthly_budget_usd: str = Field(description="What a month of the whole service may cost, by policies/cost.yaml.")
    price_table: str = Field(description="Digest of the prices in force now; each ledger row names its own.")
    total: TotalView
    by_day: list[TotalView]
    by_feature: list[TotalView]
    by_model: list[TotalView]
    by_release: list[TotalView]
    by_environment: list[TotalView]

    @classmethod
    def of(cls, totals: Totals, budget: Decimal, price_table: str) -> "CostsView":
        return cls(
            since=totals.since,
            until=totals.until,
            time_zone=totals.time_zone,
            monthly_budget_usd=f"{budget:f}",
            price_table=price_table,
            total=TotalView.of(totals.total),
            by_day=[TotalView.of(each) for each in totals.by_day],
            by_feature=[TotalView.of(each) for each in totals.by_feature],
            by_model=[TotalView.of(each) for each in totals.by_model],
            by_release=[TotalView.of(each) for each in totals.by_release],
            by_environment=[TotalView.of(each) for each in totals.by_environment],
        )
