"""Releases loaded into memory."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from app.actions.domain import NOTHING_OFFERED, ActionPolicy
from app.core.ownership import RiskTier
from app.core.policies import Policies
from app.costs.domain import PriceTable
from app.inference.domain.grounding.answerability import Answerability
from app.inference.domain.human_review import NO_REVIEW, ReviewPolicy
from app.inference.domain.release_assignment import ReleaseAssignment
from app.llm.service import FallbackChain, GuardedModel
from app.releases.domain import Release, ReleaseNotLoaded
from app.retrieval.domain import IndexRow, SearchParams
from app.safety.domain.output_filter import OutputFilter
from app.safety.domain.personal_data import DEFAULT_PROTECTION, PersonalDataProtection
from app.safety.domain.policy import SecurityPolicy


@dataclass(frozen=True)
class LoadedRelease:
    """A release with all its parts in memory, so that answering needs no look-up.

    deadline_seconds: for a whole answer; each step gets the time that is left.
    risk_tier: decides how much of a model's text the evidence must support.
    """

    release: Release
    policies: Policies
    chain: FallbackChain
    security: SecurityPolicy
    deadline_seconds: float
    risk_tier: RiskTier
    index: IndexRow
    params: SearchParams
    prices: PriceTable
    answerability: Answerability
    review: ReviewPolicy = NO_REVIEW
    actions: ActionPolicy = NOTHING_OFFERED
    personal_data: PersonalDataProtection = DEFAULT_PROTECTION

    def models_for(self, name: str | None) -> tuple[GuardedModel, ...]:
        """The models of the chain that may answer where a caller names one; None: all."""
        return tuple(model for model in self.chain.models if name in (None, model.name))

    @property
    def output_filter(self) -> OutputFilter:
        """What of an answer may leave, on every way out."""
        return OutputFilter(self.security.output, mask=self.personal_data.answer_mask)


@dataclass(frozen=True, slots=True)
class AssignedRelease:
    """The release that one answer uses from beginning to end, and the reason for it."""

    loaded: LoadedRelease
    assignment: ReleaseAssignment


LoadRelease = Callable[[Release], Awaitable[LoadedRelease]]


@dataclass(frozen=True)
class LoadedReleases:
    """The releases that this process has loaded. load: loads one. Errors: ReleaseUnservable and others."""

    load: LoadRelease
    by_id: dict[str, LoadedRelease] = field(default_factory=dict)

    def of(self, release: Release) -> LoadedRelease:
        """A release that is loaded. Errors: ReleaseNotLoaded."""
        if (loaded := self.by_id.get(release.id)) is None:
            raise ReleaseNotLoaded(f"Release {release.number} is not loaded here.", retry_after=1)
        return loaded

    async def get(self, release: Release) -> LoadedRelease:
        """Any release; one that is not loaded is loaded for this call only."""
        return self.by_id.get(release.id) or await self.load(release)

    async def preload(self, release: Release) -> None:
        """Loads it, unless it is loaded. Errors: ReleaseUnservable."""
        if release.id not in self.by_id:
            self.by_id[release.id] = await self.load(release)

    def retain(self, release_ids: set[str]) -> None:
        """Drops all others."""
        for release_id in self.by_id.keys() - release_ids:
            del self.by_id[release_id]
