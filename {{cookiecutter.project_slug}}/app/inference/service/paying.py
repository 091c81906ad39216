"""Money for the calls of one answer: held before them, and what was spent on the way."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from uuid import UUID

import structlog

from app.core.clock import Deadline
from app.costs.domain import CostPolicy, PriceTable, Usage
from app.costs.domain.budgets import BudgetUsedUp, Hold
from app.costs.service import Budgets
from app.inference.domain.chat import ChatRequest, Leave, Rest, most
from app.inference.domain.failures import ModelFailure, Unaffordable
from app.inference.service.chain import Link, ModelChain

AFTER_DEADLINE = 60.0
"""Seconds that a hold outlives the answer's deadline, for what is still to be written down."""

NO_PRICES = PriceTable([])

log = structlog.get_logger(__name__)


@dataclass
class Bill:
    """A Meter of the chain. worst: the most one call of each model can cost, in micro-dollars; bound: the most tokens.

    owed: calls that became no answer, and are paid for all the same. calling: the model that is being asked.
    left_over: streams whose reader has gone.
    """

    budgets: Budgets
    tenant_id: UUID
    deadline: Deadline
    holds: list[Hold] = field(default_factory=list)
    owed: list[tuple[str, Usage]] = field(default_factory=list)
    prices: PriceTable = NO_PRICES
    bound: Usage = field(default_factory=lambda: Usage(0))
    worst: Mapping[str, int] = field(default_factory=dict)
    calling: str | None = None
    left_over: list[tuple[str, Rest]] = field(default_factory=list)

    def measure(self, request: ChatRequest, models: Iterable[str] = ()) -> None:
        """What calls of this request can cost. models: None named are those of before."""
        self.bound = most(request)
        self.worst = {model: self.prices.worst(model, self.bound) for model in models or self.worst}

    async def before(self, model: str) -> None:
        """Errors: Unaffordable, when the money that was held went into attempts before and no more is to be had."""
        if self.worst.get(model):
            spent = sum(self.prices.worst(name, usage) for name, usage in self.owed)
            lacking = self.worst[model] + spent - sum(hold.micro_usd for hold in self.holds)
            try:
                await self.take(lacking)
            except BudgetUsedUp as refused:
                raise Unaffordable(refused.detail) from refused
        self.calling = model

    def failed(self, model: str, failure: ModelFailure) -> None:
        self.calling = None
        if self.worst.get(model) and (failure.usage or failure.may_be_charged):
            self.owed.append((model, failure.usage or self.bound))

    def left(self) -> None:
        """The asker has gone while a model was being asked: how far it got is not known."""
        if self.calling and self.worst.get(self.calling):
            self.owed.append((self.calling, self.bound))
        self.calling = None

    def passed(self, model: str, usage: Usage, estimated: bool) -> None:
        """A reply that led to another call, and is paid for all the same."""
        self.owed.append((model, self.charged(model, usage, estimated)))

    def leave(self, model: str) -> Leave | None:
        """Only what costs money is worth reading to its end when nobody reads it."""

        def left(rest: Rest) -> None:
            self.calling = None
            self.left_over.append((model, rest))

        return left if self.worst.get(model) else None

    async def read_out(self) -> None:
        """Waits for what streams cost whose reader has gone."""
        while self.left_over:
            model, rest = self.left_over.pop()
            told = None
            try:
                told = await rest
            except Exception as error:
                log.warning("stream_not_read_out", model=model, error=type(error).__name__)
            finally:
                self.owed.append((model, told or self.bound))

    def charged(self, model: str, usage: Usage, estimated: bool) -> Usage:
        """What a reply is charged for: a provider that told no usage is paid as much as was held for it."""
        self.calling = None
        return self.bound if estimated and self.worst.get(model) else usage

    async def take(self, micro_usd: int) -> int:
        """Holds so much more; the used percentage of the tightest limit. Errors: BudgetUsedUp."""
        seconds = self.deadline.remaining() + AFTER_DEADLINE
        if hold := await self.budgets.hold(self.tenant_id, micro_usd, seconds=seconds):
            self.holds.append(hold)
            return hold.used_percent
        return 0


async def afford(
    bill: Bill, request: ChatRequest, chain: ModelChain, prices: PriceTable, policy: CostPolicy
) -> tuple[ModelChain, str | None]:
    """The models of the chain that there is money for, and why it is not all of them.

    Errors: BudgetUsedUp, when not even the cheapest may be asked and the policy has nothing in its place.
    """
    bill.prices = prices
    bill.measure(request, [link.name for link in chain.links])
    rules, links, why = policy.budgets, chain.links, None
    while dearest := max((bill.worst[link.name] for link in links), default=0):
        try:
            used = await bill.take(dearest)
        except BudgetUsedUp as refused:
            why = f"budget: {refused.extra['budget']} used up"
            links = _cheaper(bill, links, dearest) if "cheaper" in rules.at_limit else ()
            if not links and "extractive" not in rules.at_limit:
                raise
            continue
        if used >= rules.cheaper_percent and "cheaper" in rules.at_limit:
            cheapest = min(bill.worst[link.name] for link in links)
            if cheapest < dearest:
                why = f"budget: {used} % used"
                links = tuple(link for link in links if bill.worst[link.name] == cheapest)
        break
    return (chain if links == chain.links else replace(chain, links=links)), why


def _cheaper(bill: Bill, links: tuple[Link, ...], than: int) -> tuple[Link, ...]:
    return tuple(link for link in links if bill.worst[link.name] < than)
