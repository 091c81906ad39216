"""All that answering on one release needs, held in memory and replaced as a whole."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from app.actions.domain import NOTHING_OFFERED, ActionPolicy
from app.core.ownership import RiskTier
from app.core.policies import Policies
from app.costs.domain import PriceTable
from app.inference.domain.exposure import Exposure
from app.inference.domain.grounds import Grounds
from app.inference.domain.review import NOTHING_SENT, ReviewPolicy
from app.inference.service.chain import ModelChain
from app.releases.domain import Release, ReleaseUnknown
from app.retrieval.domain import IndexRow, SearchParams
from app.safety.domain.policy import SecurityPolicy


@dataclass(frozen=True)
class Serving:
    """A release made ready: nothing of it is looked up while a question is answered.

    deadline_seconds: what a whole answer may take; each step gets what is left of it.
    risk_tier: how much of what a model wrote must be supported by the evidence.
    """

    release: Release
    policies: Policies
    chain: ModelChain
    security: SecurityPolicy
    deadline_seconds: float
    risk_tier: RiskTier
    index: IndexRow
    params: SearchParams
    prices: PriceTable
    grounds: Grounds
    review: ReviewPolicy = NOTHING_SENT
    actions: ActionPolicy = NOTHING_OFFERED


@dataclass(frozen=True, slots=True)
class Assignment:
    """The release that a caller's answer belongs to from its beginning to its end."""

    serving: Serving
    exposure: Exposure


Fit = Callable[[Release], Awaitable[Serving]]


@dataclass(frozen=True)
class Servings:
    """The releases that this process holds ready. fit: makes one ready. Errors: ReleaseUnservable and others."""

    fit: Fit
    held: dict[str, Serving] = field(default_factory=dict)

    def of(self, release: Release) -> Serving:
        """A release that was made ready before. Errors: ReleaseUnknown."""
        if (found := self.held.get(release.id)) is None:
            raise ReleaseUnknown(f"Release {release.number} is not held here.", retry_after=1)
        return found

    async def ready(self, release: Release) -> Serving:
        """Any release; one that is not held is made ready for this once."""
        return self.held.get(release.id) or await self.fit(release)

    async def make_ready(self, release: Release) -> None:
        if release.id not in self.held:
            self.held[release.id] = await self.fit(release)

    def keep_only(self, release_ids: set[str]) -> None:
        for gone in self.held.keys() - release_ids:
            del self.held[gone]
