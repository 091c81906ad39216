"""Evidence of releases, their approvals and the moves of environments."""

from dataclasses import dataclass
from datetime import datetime

from app.core.clock import Clock
from app.core.database import Database
from app.core.errors import Problem
from app.governance.domain.approval_rules import valid_approvals
from app.governance.domain.readiness.facts import LiveReleaseState, RolloutFacts
from app.governance.service.approvals import Approvals
from app.releases.domain import STAGING, EnvironmentReleases, Move, Release, ReleaseHistory
from app.releases.service import Environments, Releases
from app.retrieval.service.retrieval import Retrieval

MAX_MOVES = 500


@dataclass(frozen=True)
class ReleaseEvidence:
    database: Database
    clock: Clock
    releases: Releases
    environments: Environments
    approvals: Approvals
    retrieval: Retrieval

    async def rollouts(self) -> RolloutFacts:
        """Reads the live release with its parts, whose digests are compared. Errors: Problem."""
        await self.environments.refresh()
        await self.retrieval.indexes.reload()
        served = self.environments.live_releases.by_name.get(self.environments.production)
        moves = await self.environments.moves(STAGING, MAX_MOVES)
        staged = [move for move in moves if move.kind != "rehearsal"]
        rehearsal = next((move for move in moves if move.kind == "rehearsal"), None)
        now = self.clock.now()
        return RolloutFacts(
            live=await self._live(served, staged) if served else None,
            staging_moved_at=staged[0].at if staged else None,
            rehearsed_at=rehearsal.at if rehearsal else None,
            rehearsal_seconds=rehearsal.seconds if rehearsal else None,
            earlier=await self._earlier(served) if served else None,
            overdue_emergencies=sum(each.overdue(now) for each in await self.approvals.emergencies()),
        )

    async def _live(self, served: EnvironmentReleases, staged: list[Move]) -> LiveReleaseState:
        release = await self.releases.find(served.live.id)
        history = await self.releases.history(release.id)
        approvals = await self.approvals.of_release(release.id)
        days = self.approvals.ownership.approval.report_days
        counted = valid_approvals(history, approvals, self.clock.now(), days)
        since = served.pointer.changed_at
        before = (move.at for move in staged if move.release_id == release.id and move.at <= since)
        return LiveReleaseState(
            id=release.id,
            number=release.number,
            live_since=since,
            staged_at=next(before, None),
            models=tuple(step.model for step in release.manifest.chain),
            differs=release.manifest.differs_in(await self.releases.draft()),
            verdict=history.evidence.verdict if history.evidence else None,
            report=history.evidence.report if history.evidence else None,
            evaluated_at=_evaluated_at(history),
            lacking=await self.approvals.lacking(release),
            approvers=tuple(dict.fromkeys(each.approver for each in counted)),
            author=history.author,
            index_serves=await self._serves(release),
            index=str(release.manifest.index.id),
        )

    async def _serves(self, release: Release) -> bool:
        try:
            index = await self.retrieval.indexes.for_release(release.manifest.index)
        except Problem:
            return False
        return index.id == (await self.retrieval.indexes.live()).id

    async def _earlier(self, served: EnvironmentReleases) -> str | None:
        async with self.database.read(None) as connection:
            writer = self.environments.move_writer
            return await writer.earlier(connection, self.environments.production, served.live.id)


def _evaluated_at(history: ReleaseHistory) -> datetime | None:
    return next((event.at for event in reversed(history.events) if event.evidence), None)
