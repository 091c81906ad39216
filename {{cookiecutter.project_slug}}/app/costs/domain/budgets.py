"""Budgets, and the money reserved in them for calls in progress."""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Final, Literal, Self
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from app.core.base_models import ExactModel
from app.core.errors import Forbidden, Invalid, PaymentRequired

SERVICE = UUID(int=0)
"""The scope of the whole service; every other scope is a tenant's id."""

BUDGET_CHANGED: Final = "budget_changed"
"""Notified with the scope of a limit that was set."""

MAX_CONCURRENT_CALLS = 1
"""Calls of one shared reservation at a time. Each call settles in the row of its reservation; a second one would wait
for its commit."""

BudgetSpan = Literal["day", "month"]
BudgetStep = Literal["cheaper", "extractive"]
BudgetState = Literal["open", "near", "used_up"]
UsdLimit = Annotated[Decimal, Field(gt=0, allow_inf_nan=False, max_digits=15, decimal_places=6)]


class BudgetRules(ExactModel):
    """The part of `policies/cost.yaml` on limits. What happens at a limit is part of the release that answers."""

    service_daily_usd: UsdLimit | None = Field(None, description="What a day of the whole service may cost.")
    tenant_daily_usd: UsdLimit | None = Field(None, description="What a day of each tenant may cost.")
    tenant_monthly_usd: UsdLimit | None = Field(None, description="What a month of each tenant may cost.")
    warn_percent: int = Field(
        80, ge=1, le=100, description="From this share of a limit on, the log, the metrics and /health/ready warn."
    )
    cheaper_percent: int = Field(
        95, ge=1, le=100, description="From this share of a limit on, only the cheapest model of the chain is called."
    )
    at_limit: tuple[BudgetStep, ...] = Field(
        ("cheaper", "extractive"),
        description="What is tried when the money is too short: `cheaper` (a cheaper model of the chain), then "
        "`extractive` (the evidence is quoted). Without `extractive` the answer is 402.",
    )

    @model_validator(mode="after")
    def warning_comes_first(self) -> Self:
        if self.warn_percent > self.cheaper_percent:
            raise ValueError("warn_percent must not be above cheaper_percent: the owner is warned first")
        return self


class BudgetUsedUp(PaymentRequired):
    code, title = "budget_used_up", "A budget has too little left for this"
    action = "Wait until it opens again, or let somebody raise it with 'app budget set' or 'app budget grant'."


class NoLimit(Invalid):
    code, title = "budget_without_limit", "There is no limit to raise"
    action = "Set one with 'app budget set' or in policies/cost.yaml."


class LimitNotAllowed(Forbidden):
    code, title = "limit_not_allowed", "A tenant's limit cannot be above what the service allows"
    action = "Set less, or ask whoever holds the role service to allow more."


@dataclass
class SharedReservation:
    """A reservation in the database that one process divides among its calls, which saves a round trip for each call.

    left: micro-dollars not assigned to a call. live: calls in progress. fresh_until, until: monotonic seconds; after
    the first no call gets a part of it, after the second the database frees what is left.
    """

    id: UUID
    tenant_id: UUID
    day: date
    stripe: int
    used_percent: int
    left: int
    fresh_until: float
    until: float
    live: int = 0

    def give(self, micro_usd: int, seconds: float, now: float) -> "Hold | None":
        """A part for one call that takes at most `seconds`; None when the reservation cannot cover it."""
        if (
            self.left < micro_usd
            or self.live >= MAX_CONCURRENT_CALLS
            or now > self.fresh_until
            or now + seconds > self.until
        ):
            return None
        self.left -= micro_usd
        self.live += 1
        return Hold(self.id, self.tenant_id, self.day, self.stripe, micro_usd, self.used_percent, self)

    def back(self, hold: "Hold", cost: int) -> None:
        """Ends the part of a call whose cost has been settled in the database."""
        self.left += hold.micro_usd - cost
        self.live -= 1

    def over(self, micro_usd: int, now: float) -> bool:
        """Whether no call can use it any more."""
        return self.live == 0 and (now > self.fresh_until or self.left < micro_usd)


@dataclass(frozen=True, slots=True)
class Hold:
    """Money reserved for one call. used_percent: of the tightest limit, when money was last reserved in the database.

    reservation: the shared reservation that it is a part of, if any.
    """

    id: UUID
    tenant_id: UUID
    day: date
    stripe: int
    micro_usd: int
    used_percent: int = 0
    reservation: SharedReservation | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Settlement:
    """Ends holds: the cost is committed, the rest is free again. A cost of 0 frees everything."""

    holds: tuple[Hold, ...]
    micro_usd: int

    def __bool__(self) -> bool:
        return bool(self.holds)


@dataclass(frozen=True, slots=True)
class Budget:
    """One limit and its use. limit_micro_usd: None for no limit; committed + held never exceeds it.

    allowed_micro_usd: what the service allows, grants included; a tenant may set a lower limit for itself.
    """

    scope: UUID
    span: BudgetSpan
    starts: date
    limit_micro_usd: int | None
    allowed_micro_usd: int | None
    granted_micro_usd: int
    set_by_hand: bool
    committed_micro_usd: int
    held_micro_usd: int
    opens_at: datetime

    @property
    def lowered(self) -> bool:
        """Whether the tenant has set a lower limit than it is allowed."""
        return self.limit_micro_usd != self.allowed_micro_usd

    def check_own(self, micro_usd: int | None) -> None:
        """Checks that a tenant may set this limit for itself. Errors: LimitNotAllowed."""
        if micro_usd is not None and self.allowed_micro_usd is not None and micro_usd > self.allowed_micro_usd:
            raise LimitNotAllowed(f"The service allows '{self.name}' {self.allowed_micro_usd / 1_000_000:.6f} USD.")

    @property
    def used_percent(self) -> float:
        if self.limit_micro_usd is None:
            return 0.0
        return 100 * (self.committed_micro_usd + self.held_micro_usd) / max(1, self.limit_micro_usd)

    @property
    def name(self) -> str:
        return name_of(self.scope, self.span)

    def state(self, warn_percent: int) -> BudgetState:
        """The state of the limit; near: at least `warn_percent` of it is used."""
        if self.used_percent >= 100:
            return "used_up"
        return "near" if self.limit_micro_usd is not None and self.used_percent >= warn_percent else "open"


def name_of(scope: UUID, span: BudgetSpan) -> str:
    return f"{'service' if scope == SERVICE else 'tenant'} per {span}"


def opens_at(span: BudgetSpan, day: date, zone: str) -> datetime:
    """When the window after the one that contains `day` begins."""
    following = day + timedelta(days=1) if span == "day" else (day.replace(day=28) + timedelta(days=4)).replace(day=1)
    return datetime.combine(following, datetime.min.time(), ZoneInfo(zone))
