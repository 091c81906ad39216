from app.monitoring.domain.policy import MonitoringPolicy
from app.monitoring.service import Monitoring
from app.safety.domain.privacy_policy import PrivacyPolicy
from app.wiring.infrastructure import Infrastructure


def make_monitoring(infra: Infrastructure) -> Monitoring:
    policies = infra.policies
    return Monitoring.build(
        infra.database,
        infra.clock,
        infra.retrieval,
        infra.suites,
        policies.get(MonitoringPolicy),
        policies.get(PrivacyPolicy).personal_data,
        infra.retrieval.indexes.tenants,
    )
