"""Compares the canary in production with the live release, repeatedly, and acts on the verdict."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from uuid import UUID

import structlog

from app.core.background import run_periodically
from app.core.clock import Clock
from app.core.telemetry import counter
from app.evaluation.domain.canary import CanaryDecision, CanaryStatus, evaluate_canary
from app.evaluation.domain.policy import CanaryPolicy
from app.inference.service import LiveTraffic
from app.releases.domain import EnvironmentReleases, NoCanary
from app.releases.service import Rollouts

log = structlog.get_logger(__name__)

ACTOR = "canary judge"

_checks = counter("app_canary_checks_total", "Checks of the canary, by verdict.", ("verdict",))


@dataclass
class _LastVerdict:
    verdict: str = ""


@dataclass(frozen=True)
class CanaryMonitor:
    """Decides from stored answers alone, so that every process makes the same decision.

    tenants: those whose answers count.
    """

    rollouts: Rollouts
    traffic: LiveTraffic
    tenants: Callable[[], Awaitable[list[UUID]]]
    policy: CanaryPolicy
    clock: Clock
    _last: _LastVerdict = field(default_factory=_LastVerdict)

    async def status(self) -> CanaryStatus:
        """Evaluates the canary on every answer since it started. Changes nothing.

        Errors: NoCanary, DatabaseUnavailable.
        """
        served = await self._served()
        canary = served.pointer.canary
        if canary is None:
            raise NoCanary("No canary is running.")
        live_id, tenants = served.live.id, await self.tenants()
        answers = await self.traffic.of([live_id, canary.release_id], canary.since, tenants)
        control = [each for each in answers if each.arm == "control" and each.release_id == live_id]
        canary_answers = [each for each in answers if each.arm == "canary" and each.release_id == canary.release_id]
        elapsed = self.clock.now() - canary.since
        decision = evaluate_canary(control, canary_answers, self.policy, elapsed)
        return CanaryStatus(canary, live_id, len(control), len(canary_answers), decision)

    async def _served(self) -> EnvironmentReleases:
        await self.rollouts.environments.refresh()
        return self.rollouts.environments.served()

    async def enforce(self) -> CanaryStatus | None:
        """Evaluates the canary and acts on the verdict: FAIL ends it with the reasons, PASS makes it live where the
        policy promotes automatically. Safe to run in several processes at once. None while no canary runs.
        """
        try:
            status = await self.status()
            await self._act(status.canary.release_id, status.decision)
        except NoCanary:
            return None
        return status

    async def _act(self, release_id: str, decision: CanaryDecision) -> None:
        verdict, reason = decision.verdict, "; ".join(decision.reasons)
        _checks.labels(verdict).inc()
        if verdict != self._last.verdict:
            self._last.verdict = verdict
            log.info("evaluation.canary_decided", verdict=verdict, release=release_id[:12], reasons=decision.reasons)
        if verdict == "FAIL":
            await self.rollouts.end_canary(ACTOR, reason, release_id)
        elif verdict == "PASS" and self.policy.promote == "automatic":
            await self.rollouts.activate(ACTOR, release_id, reason)

    async def watch(self) -> None:
        """Enforces the policy until cancelled; a failed check is logged and tried again."""
        await run_periodically(self.enforce, self.policy.check_every_seconds, log, "evaluation.canary_check_failed")
