"""Checks once a day whether the data of a tenant is healthy, and shows each caller what it may see of that."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

import structlog

from app.core.clock import Clock
from app.core.database import Database
from app.core.telemetry import gauge
from app.identity.domain import Principal
from app.ingestion.domain.views import DocumentColumns
from app.ingestion.service import Ingestion
from app.monitoring.domain.data_health.column_change import ColumnChange
from app.monitoring.domain.data_health.health_policy import HealthPolicy
from app.monitoring.domain.data_health.health_signal import HEALTH_SIGNALS, HealthExample, HealthReport, HealthSignal
from app.monitoring.repository import health_queries, health_store, runs
from app.monitoring.repository.health_queries import ObservedIndex
from app.monitoring.service.affected_tenants import AffectedTenants
from app.retrieval.service.index_registry import IndexRegistry

log = structlog.get_logger(__name__)

EVERY = timedelta(days=1)
UNHEALTHY = gauge(
    "app_unhealthy_data_tenants", "Tenants whose data was unhealthy when this worker last looked.", ["signal"]
)


@dataclass(frozen=True)
class DataHealth:
    """tenants: among whom the chance of a false alarm is divided."""

    database: Database
    clock: Clock
    ingestion: Ingestion
    indexes: IndexRegistry
    policy: HealthPolicy
    tenants: Callable[[], Awaitable[list[UUID]]]
    affected: AffectedTenants = field(default_factory=lambda: AffectedTenants(UNHEALTHY, HEALTH_SIGNALS))

    async def run(self, tenant_id: UUID) -> Sequence[HealthSignal]:
        """The signals of the last check; of a new one when that was a day ago."""
        async with self.database.read(tenant_id) as connection:
            last = await runs.last_finished(connection, tenant_id, "health")
            signals = await health_store.list_signals(connection, tenant_id)
        if last is None or last <= self.clock.now() - EVERY:
            return await self.check(tenant_id)
        self._measure(tenant_id, signals)
        return signals

    async def check(self, tenant_id: UUID) -> Sequence[HealthSignal]:
        """Looks at everything now, and stores what was found in place of what was before."""
        from app.monitoring.domain.data_health.health_judges import judge

        now, live, first = self.clock.now(), await self.indexes.live(), self.indexes.first
        fingerprint = live.fingerprint
        same = (fingerprint.embedder, fingerprint.dimensions) == (first.embedder, first.dimensions)
        async with self.database.read(tenant_id) as connection:
            index = ObservedIndex(live.number, same)
            observed = await health_queries.observe(connection, tenant_id, now, self.policy.days, index)
        tenants = len(await self.tenants())
        signals = await asyncio.to_thread(judge, observed, self.policy, now, tenants)
        async with self.database.transaction(tenant_id) as connection:
            await health_store.replace_signals(connection, tenant_id, signals, now)
        self._measure(tenant_id, signals)
        for each in signals:
            if each.unhealthy:
                log.warning("monitoring.data_unhealthy", tenant_id=str(tenant_id), signal=each.signal)
        return signals

    async def report(self, caller: Principal) -> HealthReport:
        """The last check, with the examples and the columns that the caller may read now."""
        async with self.database.read(caller.tenant_id) as connection:
            last = await runs.last_finished(connection, caller.tenant_id, "health")
            signals = await health_store.list_signals(connection, caller.tenant_id)
        wanted = list({document for each in signals for document in each.examples})
        readable = {each.document_id: each for each in await self.ingestion.columns_of(caller, wanted)}
        examples = {
            id: HealthExample(id, each.source, each.uri, each.title, _change(each, signals, readable))
            for id, each in readable.items()
        }
        return HealthReport(last, tuple(signals), examples)

    def _measure(self, tenant_id: UUID, signals: Sequence[HealthSignal]) -> None:
        self.affected.record(tenant_id, {each.signal for each in signals if each.unhealthy})


def _change(
    document: DocumentColumns, signals: Sequence[HealthSignal], readable: Mapping[UUID, DocumentColumns]
) -> ColumnChange | None:
    """Of a document whose columns changed, as far as what it is compared with may be read too."""
    for each in signals:
        if each.signal == "columns" and each.examples[0] == document.document_id:
            before = document.columns_before
            if len(each.examples) > 1:
                other = readable.get(each.examples[1])
                before = other.columns if other else ()
            return ColumnChange.between(before, document.columns) if before and document.columns else None
    return None
