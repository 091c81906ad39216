"""The gauges that say for how many tenants a check found something."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from prometheus_client import Gauge


@dataclass(frozen=True)
class AffectedTenants:
    """Tenants by signal, as this process found them when it last looked at each."""

    gauge: Gauge
    signals: Sequence[str]
    _by_signal: dict[str, set[UUID]] = field(default_factory=dict)

    def record(self, tenant_id: UUID, found: Collection[str]) -> None:
        """found: the signals that the tenant has now; it has none of the others."""
        for signal in self.signals:
            tenants = self._by_signal.setdefault(signal, set())
            (tenants.add if signal in found else tenants.discard)(tenant_id)
            self.gauge.labels(signal).set(len(tenants))
