"""What the worker does by itself: it continues interrupted erasures, and erases what is too old."""

from dataclasses import dataclass
from uuid import UUID

import structlog

from app.core.background import run_periodically
from app.core.errors import Problem
from app.core.logging import log_failure
from app.core.telemetry import counter
from app.encryption.service import TenantKeys
from app.privacy.service.erasure import Erasure
from app.privacy.service.retention import Retention

log = structlog.get_logger(__name__)

SWEEP_SECONDS = 3600.0
EXPIRED = counter("app_expired_total", "Rows erased because of their age, by kind of content.", ["kind"])


@dataclass(frozen=True)
class PrivacyUpkeep:
    keys: TenantKeys
    erasure: Erasure
    retention: Retention

    async def watch(self) -> None:
        """Sweeps until cancelled; a failed sweep is logged and tried again. Safe in several processes."""
        await run_periodically(self.sweep, SWEEP_SECONDS, log, "privacy.sweep_failed")

    async def sweep(self) -> None:
        """Once, for all tenants, and record it. What fails for one is logged, and is no obstacle for the others."""
        failed = 0
        tenants = await self.keys.tenants()
        for tenant_id in tenants:
            try:
                await self._sweep(tenant_id)
            except Exception as error:
                failed += 1
                log_failure(log, "privacy.sweep_failed", error, tenant_id=str(tenant_id))
        await self.retention.record_sweep(len(tenants), failed)

    async def _sweep(self, tenant_id: UUID) -> None:
        await self._resume(tenant_id)
        for kind, count in (await self.retention.expire(tenant_id)).items():
            EXPIRED.labels(kind).inc(count)

    async def _resume(self, tenant_id: UUID) -> None:
        for request_id in await self.erasure.running(tenant_id):
            try:
                request = await self.erasure.resume(tenant_id, request_id)
                log.info("privacy.erasure_resumed", request_id=str(request_id), state=request.state)
            except Problem as problem:
                log.warning("privacy.erasure_failed", request_id=str(request_id), code=problem.code)
