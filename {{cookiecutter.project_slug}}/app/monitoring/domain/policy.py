from pydantic import Field

from app.core.policies import PolicyModel
from app.monitoring.domain.data_health.health_policy import HealthPolicy
from app.monitoring.domain.drift.drift_policy import DriftPolicy
from app.monitoring.domain.failures.failure_policy import FailurePolicy


class MonitoringPolicy(PolicyModel):
    """policies/monitoring.yaml: what the worker looks for in live traffic and in the data behind it."""

    max_embedded: int = Field(
        2000, ge=0, le=100_000, description="Questions of a tenant that one run embeds at most; the newest first."
    )
    drift: DriftPolicy = Field(DriftPolicy(), description="Drift of live traffic.")
    health: HealthPolicy = Field(HealthPolicy(), description="Health of the data.")
    failures: FailurePolicy = Field(FailurePolicy(), description="Patterns of failures.")
