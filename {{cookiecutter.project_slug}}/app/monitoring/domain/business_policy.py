"""The policy of outcomes: `policies/business.yaml`."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from app.core.base_models import ExactModel
from app.core.policies import PolicyModel

OutcomeMeaning = Literal["resolved", "deflected", "escalated", "measured"]
OutcomeName = Annotated[str, Field(pattern=r"^[a-z][a-z_]{0,39}$")]


class OutcomeRule(ExactModel):
    """One kind of outcome."""

    means: OutcomeMeaning = Field(
        description="resolved, deflected, escalated: how a question ended, of which the latest counts; measured: an "
        "amount beside it, such as minutes saved."
    )
    value_usd: Decimal = Field(
        ge=-1_000_000,
        le=1_000_000,
        description="What one is worth, or one unit of its amount; negative: what it costs.",
    )


class BusinessPolicy(PolicyModel):
    """policies/business.yaml: what answers are worth."""

    outcomes: Mapping[OutcomeName, OutcomeRule] = Field(
        min_length=1, max_length=20, description="The kinds of outcomes that may be reported."
    )
    reask_hours: int = Field(
        24, ge=1, le=168, description="A deflected question that comes again within so many hours was not deflected."
    )
    reask_overlap: float = Field(
        0.5, gt=0, le=1, description="The share of the words of both questions from which on they are the same."
    )
    report_days: int = Field(30, ge=1, le=365, description="The window of a report, without another one.")
