"""The canary that runs in production: judged again and again against the control beside it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from uuid import UUID

import structlog

from app.core.clock import Clock
from app.core.errors import Problem
from app.core.telemetry import counter
from app.evaluation.domain.canary import judge_canary
from app.evaluation.domain.looks import Look
from app.evaluation.domain.policy import CanaryPolicy
from app.inference.service import LiveTraffic
from app.releases.domain import NoCanary, Standing
from app.releases.service import Environments

log = structlog.get_logger(__name__)

ACTOR = "canary judge"

_looks = counter("app_canary_looks_total", "Looks at a canary, by what they found", ("verdict",))


@dataclass
class _Said:
    verdict: str = ""


@dataclass(frozen=True)
class Canaries:
    """Judges by what is in the database, so that whoever looks finds the same. tenants: those whose answers count."""

    environments: Environments
    outcomes: LiveTraffic
    tenants: Callable[[], Awaitable[list[UUID]]]
    policy: CanaryPolicy
    clock: Clock
    _said: _Said = field(default_factory=_Said)

    async def look(self) -> Look:
        """Judges the canary by every answer since it began. Changes nothing. Errors: NoCanary, DatabaseUnavailable."""
        standing = await self._running()
        canary = standing.pointer.canary
        if canary is None:
            raise NoCanary("No canary is running.")
        found = await self.outcomes.of([standing.live.id, canary.release_id], canary.since, await self.tenants())
        control = [each for each in found if each.arm == "control" and each.release_id == standing.live.id]
        tried = [each for each in found if each.arm == "canary" and each.release_id == canary.release_id]
        elapsed = self.clock.now() - canary.since
        verdict = judge_canary(control, tried, self.policy, elapsed)
        return Look(canary, standing.live.id, len(control), len(tried), verdict)

    async def _running(self) -> Standing:
        await self.environments.refresh()
        return self.environments.standing()

    async def tend(self) -> Look | None:
        """Looks, and does what follows: harm ends the canary with the reasons, and so does the deadline; proof lets it
        go live where the policy says so. Harmless when two do it at once. None while no canary runs.
        """
        try:
            found = await self.look()
            await self._act(found)
        except NoCanary:
            return None
        return found

    async def _act(self, found: Look) -> None:
        verdict, release_id = found.verdict, found.canary.release_id
        _looks.labels(verdict.verdict).inc()
        if verdict.verdict != self._said.verdict:
            self._said.verdict = verdict.verdict
            log.info("canary_judged", verdict=verdict.verdict, release=release_id[:12], reasons=verdict.reasons)
        if verdict.verdict == "FAIL":
            await self.environments.end_canary(ACTOR, "; ".join(verdict.reasons), release_id)
        elif verdict.verdict == "PASS" and self.policy.promote == "automatic":
            await self.environments.activate(ACTOR, release_id, "; ".join(verdict.reasons))

    async def watch(self) -> None:
        """Tends the canary for ever, through outages."""
        while True:
            try:
                await self.tend()
            except Problem as problem:
                log.warning("canary_not_judged", code=problem.code)
            await asyncio.sleep(self.policy.look_every_seconds)
