"""What the worker does by itself: each check of each tenant when it is due."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import structlog

from app.core.background import run_periodically
from app.core.clock import Clock
from app.core.database import Database
from app.core.logging import log_failure
from app.core.telemetry import counter
from app.monitoring.repository import runs

log = structlog.get_logger(__name__)

SWEEP_SECONDS = 60.0
CHECKS = counter("app_monitoring_checks_total", "Checks of live traffic, by kind and result.", ["kind", "result"])


@dataclass(frozen=True)
class ScheduledCheck:
    """kind: one that `monitoring_runs` knows. run: for one tenant; must be idempotent."""

    kind: str
    every: timedelta
    run: Callable[[UUID], Awaitable[object]]


@dataclass(frozen=True)
class MonitoringUpkeep:
    """tenants: those whose traffic is looked at."""

    database: Database
    clock: Clock
    tenants: Callable[[], Awaitable[list[UUID]]]
    checks: Sequence[ScheduledCheck]

    async def watch(self) -> None:
        """Sweeps until cancelled; a failed sweep is logged and tried again. Safe in several processes."""
        await run_periodically(self.sweep, SWEEP_SECONDS, log, "monitoring.sweep_failed")

    async def sweep(self) -> None:
        """Runs what is due. What fails for one tenant is logged, and is no obstacle for the others."""
        for tenant_id in await self.tenants():
            for check in self.checks:
                if await self._claim(tenant_id, check):
                    await self._run(tenant_id, check)

    async def _claim(self, tenant_id: UUID, check: ScheduledCheck) -> bool:
        now = self.clock.now()
        async with self.database.transaction(tenant_id) as connection:
            return await runs.claim(connection, tenant_id, check.kind, now, now - check.every)

    async def _run(self, tenant_id: UUID, check: ScheduledCheck) -> None:
        try:
            await check.run(tenant_id)
        except Exception as error:
            CHECKS.labels(check.kind, "failed").inc()
            log_failure(log, "monitoring.check_failed", error, tenant_id=str(tenant_id), kind=check.kind)
        else:
            CHECKS.labels(check.kind, "done").inc()
