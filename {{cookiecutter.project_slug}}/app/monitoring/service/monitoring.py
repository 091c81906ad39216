from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from app.core.clock import Clock
from app.core.database import Database
from app.evaluation.service import SuiteFiles
from app.inference.service import AnswerRecords
from app.ingestion.service import Ingestion
from app.monitoring.domain.drift.signals import LOOKS_A_DAY, EvaluatedRelease
from app.monitoring.domain.policy import MonitoringPolicy
from app.monitoring.service.alerting import AlertNotices
from app.monitoring.service.business import Business
from app.monitoring.service.data_health import DataHealth
from app.monitoring.service.drift_analysis import DriftAnalysis
from app.monitoring.service.error_budgets import ErrorBudgets
from app.monitoring.service.failure_analysis import FailureAnalysis
from app.monitoring.service.failure_cases import FailureCases
from app.monitoring.service.online_evaluation import OnlineEvaluations
from app.monitoring.service.question_embedding import QuestionVectors
from app.monitoring.service.upkeep import MonitoringUpkeep, ScheduledCheck
from app.retrieval.service.retrieval import Retrieval
from app.safety.domain.personal_data import PersonalDataRules


@dataclass(frozen=True)
class Monitoring:
    """The services that look at live traffic and at the data behind it."""

    failures: FailureAnalysis
    drift: DriftAnalysis
    data_health: DataHealth
    cases: FailureCases
    upkeep: MonitoringUpkeep
    business: Business
    online: OnlineEvaluations
    alert_notices: AlertNotices
    error_budgets: ErrorBudgets

    @property
    def services(self) -> tuple[object, ...]:
        """Those that routes use."""
        return (
            self.failures,
            self.drift,
            self.data_health,
            self.cases,
            self.business,
            self.online,
            self.alert_notices,
            self.error_budgets,
        )

    @classmethod
    def build(
        cls,
        database: Database,
        clock: Clock,
        retrieval: Retrieval,
        ingestion: Ingestion,
        suites: SuiteFiles,
        policy: MonitoringPolicy,
        personal_data: PersonalDataRules,
        tenants: Callable[[], Awaitable[list[UUID]]],
        business: Business,
        online: OnlineEvaluations,
        alert_notices: AlertNotices,
        error_budgets: ErrorBudgets,
        live: Callable[[], Awaitable[EvaluatedRelease | None]],
    ) -> "Monitoring":
        records = AnswerRecords(database)
        vectors = QuestionVectors(database, records, retrieval, policy.max_embedded)
        failures = FailureAnalysis(database, clock, records, vectors, policy.failures)
        cases = FailureCases(database, clock, records, failures, suites, personal_data)
        drift = DriftAnalysis(database, clock, records, vectors, policy.drift, tenants, live)
        health = DataHealth(database, clock, ingestion, retrieval.indexes, policy.health, tenants)
        checks = (
            ScheduledCheck("failures", timedelta(hours=policy.failures.every_hours), failures.run),
            ScheduledCheck("drift", timedelta(days=1) / LOOKS_A_DAY, drift.run),
            ScheduledCheck("health", timedelta(hours=1), health.run),
        )
        return cls(
            failures,
            drift,
            health,
            cases,
            MonitoringUpkeep(database, clock, tenants, checks),
            business,
            online,
            alert_notices,
            error_budgets,
        )
