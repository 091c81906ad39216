"""The cost policy: `policies/cost.yaml`."""

from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator, model_validator

from app.core.base_models import ExactModel
from app.core.policies import PolicyModel
from app.costs.domain.budgets import BudgetRules

Usd = Annotated[Decimal, Field(ge=0, allow_inf_nan=False, max_digits=18, decimal_places=12)]


class PolicyPrice(ExactModel):
    """The entry of one model in `policies/cost.yaml`: a price, `local: true`, or a ceiling for each call."""

    local: bool = Field(False, description="It runs on your own machines; its tokens cost nothing.")
    input: Usd | None = Field(None, description="USD per million tokens that the model reads.")
    cached_input: Usd | None = Field(
        None, description="USD per million of those that come from the provider's cache; without it, `input`."
    )
    output: Usd | None = Field(None, description="USD per million tokens that the model writes.")
    ceiling_usd_per_call: Usd | None = Field(
        None, description="The price is not known: each call is charged this much."
    )
    why: str = Field("", description="Where the price is from; for whoever reads the file.")

    @model_validator(mode="after")
    def exactly_one_pricing(self) -> "PolicyPrice":
        pricings = [self.local, self.input is not None, self.ceiling_usd_per_call is not None]
        if sum(pricings) != 1:
            raise ValueError("give one of 'local: true', 'input' (with 'output') or 'ceiling_usd_per_call'")
        return self


class CostPolicy(PolicyModel):
    """`policies/cost.yaml`: what a month may cost, and prices that the bundled list lacks or has wrong."""

    monthly_budget_usd: Annotated[Decimal, Field(gt=0, allow_inf_nan=False)] = Field(
        description="What a month of the whole service may cost. No paid call is made that could pass it."
    )
    budgets: BudgetRules = Field(
        default_factory=BudgetRules, description="Further limits, and what happens near a limit and at it."
    )
    time_zone: str = Field("UTC", description="Days and months of budgets and reports begin at midnight here.")
    prices: dict[str, PolicyPrice] = Field(
        default_factory=dict, description="By model name; a `*` fits anything, and the longest name that fits wins."
    )

    @field_validator("time_zone")
    @classmethod
    def known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError) as missing:
            raise ValueError(f"'{value}' is not a time zone; write a name such as UTC or Europe/Berlin") from missing
        return value

    @property
    def limits(self) -> list[int | None]:
        """Micro-dollars of the service's day and month and of each tenant's; None where there is no limit."""
        rules = self.budgets
        usd = (
            rules.service_daily_usd,
            self.monthly_budget_usd,
            rules.tenant_daily_usd,
            rules.tenant_monthly_usd,
        )
        return [None if each is None else int(each * 1_000_000) for each in usd]

    def price_of(self, model: str) -> PolicyPrice | None:
        """The entry named exactly like the model, else the longest pattern (`minilm-*`) that fits."""
        if exact := self.prices.get(model):
            return exact
        patterns = [name for name in self.prices if fnmatchcase(model, name)]
        return self.prices[max(patterns, key=len)] if patterns else None
