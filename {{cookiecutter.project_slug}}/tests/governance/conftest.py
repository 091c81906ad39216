"""A production of its own for each test, and a clock that is moved by hand."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from app.core.clock import ManualClock
from app.core.ownership import OwnershipPolicy, RiskTier
from app.core.slo import SloPolicy
from app.governance.service import Approvals
from app.identity.domain import Principal
from app.monitoring.service.error_budgets import ErrorBudgets
from app.releases.domain import EvaluationEvidence, EvaluationVerdict, Release, Scalar
from app.releases.service import Environments, LiveReleases, Releases, Rollouts
from app.wiring import State


def person(name: str, role: str = "service") -> Principal:
    return Principal(UUID(int=0), UUID(int=0), name, frozenset({role}))


def unlike_any_other() -> dict[str, Scalar]:
    """A change that makes a release of its own and hardly another answer."""
    return {"retrieval.dense_weight": 0.5 + secrets.randbelow(10**9) / 10**12}


class NothingToServe:
    """These releases answer no question, and must not push those out that do."""

    async def preload(self, release: Release) -> None: ...

    def retain(self, release_ids: set[str]) -> None: ...


@dataclass
class House:
    """Releases, approvals and a production that no other test sees."""

    releases: Releases
    approvals: Approvals
    environments: Environments
    rollouts: Rollouts
    clock: ManualClock

    async def draft(self, author: str = "ana") -> Release:
        return await self.releases.create(author, changes=unlike_any_other())

    async def measured(self, verdict: EvaluationVerdict = "PASS", author: str = "ana") -> Release:
        release = await self.draft(author)
        await self.measure(release, verdict)
        return release

    async def measure(self, release: Release, verdict: EvaluationVerdict = "PASS") -> str:
        self.clock.advance(60)
        report = secrets.token_hex(32)
        async with self.releases.database.transaction(None) as connection:
            await self.releases.mark_evaluated(connection, release.id, "tests", EvaluationEvidence(report, verdict))
        self.clock.advance(60)
        return report

    async def state(self, release: Release) -> str:
        return (await self.releases.history(release.id)).state

    def wait(self, **time: float) -> None:
        self.clock.advance(timedelta(**time).total_seconds())


@pytest.fixture
def house(state: State) -> Callable[..., House]:
    def make(tier: RiskTier = "medium", laptop: bool = False, **approval: object) -> House:
        policy = state.policies.get(OwnershipPolicy)
        rules = policy.approval.model_copy(update=approval)
        policy = policy.model_copy(update={"risk_tier": tier, "approval": rules})
        clock = ManualClock()
        own = {**state.releases.inputs.settings, "deadline_seconds": 6 + secrets.randbelow(10**9) / 10**9}
        releases = replace(state.releases, clock=clock, inputs=replace(state.releases.inputs, settings=own))
        live_releases = LiveReleases(releases, NothingToServe(), production=f"production-{uuid4().hex}")
        budgets = ErrorBudgets(state.database, clock, releases, state.policies.get(SloPolicy), policy)
        approvals = Approvals(state.database, clock, releases, policy, live_releases, budgets)
        rollouts = Rollouts.build(live_releases, approvals, laptop)
        return House(releases, approvals, rollouts.environments, rollouts, clock)

    return make
