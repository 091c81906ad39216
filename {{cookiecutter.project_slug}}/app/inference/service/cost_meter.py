"""The costs of one answer: a reservation before each model call, and the usage of the calls."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

import structlog

from app.core.clock import Deadline
from app.costs.domain import CostPolicy, LedgerRow, PriceTable, Usage
from app.costs.domain.budgets import BudgetUsedUp, Hold, Settlement
from app.costs.service import Reservations
from app.llm.domain.errors import InsufficientBudget, ModelFailure
from app.llm.domain.messages import ChatRequest, OnDisconnect, RemainingUsage, max_usage
from app.llm.service import FallbackChain, GuardedModel
from app.retrieval.domain import SearchUsage

HOLD_MARGIN_SECONDS = 60.0
"""How long a hold outlives the answer's deadline, so that the answer can be stored."""

NO_PRICES = PriceTable([])

log = structlog.get_logger(__name__)


@dataclass
class CostMeter:
    """Implements UsageMeter for one answer.

    max_call_usage: the most tokens that one call can use; max_call_cost: what that costs by model, in micro-USD.
    unbilled: calls that did not become the answer and are charged all the same. active_model: the model being called.
    disconnected: streams whose reader disconnected, with the usage that the provider will report. search_usage: of
    the embedding of the question. billed: the charges of the answer once it is finished.
    """

    reservations: Reservations
    tenant_id: UUID
    deadline: Deadline
    holds: list[Hold] = field(default_factory=list)
    unbilled: list[tuple[str, Usage]] = field(default_factory=list)
    prices: PriceTable = NO_PRICES
    max_call_usage: Usage = field(default_factory=lambda: Usage(0))
    max_call_cost: Mapping[str, int] = field(default_factory=dict)
    active_model: str | None = None
    disconnected: list[tuple[str, RemainingUsage]] = field(default_factory=list)
    search_usage: SearchUsage | None = None
    billed: list[LedgerRow] | None = None

    def on_search(self, usage: SearchUsage | None) -> None:
        """Takes over what the embedding of the query used and reserved; None: nothing."""
        self.search_usage = usage
        if usage and usage.hold:
            self.holds.append(usage.hold)

    def settlement(self, rows: Sequence[LedgerRow]) -> Settlement:
        """Ends all holds of this answer."""
        return Settlement(tuple(self.holds), sum(row.charge.micro_usd for row in rows))

    def estimate_cost(self, request: ChatRequest, models: Iterable[str] = ()) -> None:
        """Sets the most that a call of this request can cost. models: the same as before when none is named."""
        self.max_call_usage = max_usage(request)
        self.max_call_cost = {
            model: self.prices.max_cost(model, self.max_call_usage) for model in models or self.max_call_cost
        }

    async def reserve(self, model: str) -> None:
        """Errors: InsufficientBudget, when earlier attempts used up the hold and the budget allows no more."""
        if self.max_call_cost.get(model):
            usage = sum(self.prices.max_cost(name, usage) for name, usage in self.unbilled)
            missing = self.max_call_cost[model] + usage - sum(hold.micro_usd for hold in self.holds)
            try:
                await self.extend(missing)
            except BudgetUsedUp as error:
                raise InsufficientBudget(error.detail) from error
        self.active_model = model

    def on_failure(self, model: str, failure: ModelFailure) -> None:
        """A failed call is charged where its provider may charge it: by its usage, or else the maximum."""
        self.active_model = None
        if self.max_call_cost.get(model) and (failure.usage or failure.may_be_charged):
            self.unbilled.append((model, failure.usage or self.max_call_usage))

    def on_abandon(self) -> None:
        """The caller disconnected during a call: the usage is unknown, so the maximum is charged."""
        if self.active_model and self.max_call_cost.get(self.active_model):
            self.unbilled.append((self.active_model, self.max_call_usage))
        self.active_model = None

    def charge_beside_answer(self, model: str, usage: Usage, estimated: bool) -> None:
        """For a completion that is not the answer: one with tool calls, or one that a content filter refused."""
        self.unbilled.append((model, self.billable_usage(model, usage, estimated)))

    def on_disconnect(self, model: str) -> OnDisconnect | None:
        """None for a model that costs nothing: its stream need not be read to the end for its usage."""

        def keep(remaining: RemainingUsage) -> None:
            self.active_model = None
            self.disconnected.append((model, remaining))

        return keep if self.max_call_cost.get(model) else None

    async def drain(self) -> None:
        """Waits for the usage of streams whose reader disconnected."""
        while self.disconnected:
            model, remaining = self.disconnected.pop()
            usage = None
            try:
                usage = await remaining
            except Exception as error:
                log.warning("inference.stream_usage_unknown", model=model, error=type(error).__name__)
            finally:
                self.unbilled.append((model, usage or self.max_call_usage))

    def billable_usage(self, model: str, usage: Usage, estimated: bool) -> Usage:
        """The usage to charge; where the provider reported none, the most that was reserved for the call."""
        self.active_model = None
        return self.max_call_usage if estimated and self.max_call_cost.get(model) else usage

    async def extend(self, micro_usd: int) -> int:
        """Reserves this much more; returns the used percentage of the tightest budget. Errors: BudgetUsedUp."""
        seconds = self.deadline.remaining() + HOLD_MARGIN_SECONDS
        if hold := await self.reservations.hold(self.tenant_id, micro_usd, seconds=seconds):
            self.holds.append(hold)
            return hold.used_percent
        return 0


async def affordable_models(
    meter: CostMeter, request: ChatRequest, chain: FallbackChain, prices: PriceTable, policy: CostPolicy
) -> tuple[FallbackChain, str | None]:
    """Reserves the cost of one call; returns the models that the budget allows, and why some are left out.

    Errors: BudgetUsedUp, when the budget does not allow even the cheapest and the policy has no alternative.
    """
    meter.prices = prices
    meter.estimate_cost(request, [model.name for model in chain.models])
    rules, models, reason = policy.budgets, chain.models, None
    while max_cost := max((meter.max_call_cost[model.name] for model in models), default=0):
        try:
            used_percent = await meter.extend(max_cost)
        except BudgetUsedUp as error:
            reason = f"budget: {error.extra['budget']} used up"
            models = _cheaper(meter, models, max_cost) if "cheaper" in rules.at_limit else ()
            if not models and "extractive" not in rules.at_limit:
                raise
            continue
        if used_percent >= rules.cheaper_percent and "cheaper" in rules.at_limit:
            cheapest = min(meter.max_call_cost[model.name] for model in models)
            if cheapest < max_cost:
                reason = f"budget: {used_percent} % used"
                models = tuple(model for model in models if meter.max_call_cost[model.name] == cheapest)
        break
    return (chain if models == chain.models else replace(chain, models=models)), reason


def _cheaper(meter: CostMeter, models: tuple[GuardedModel, ...], than: int) -> tuple[GuardedModel, ...]:
    return tuple(model for model in models if meter.max_call_cost[model.name] < than)
