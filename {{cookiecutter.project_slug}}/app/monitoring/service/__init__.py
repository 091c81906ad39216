from app.monitoring.service.data_health import DataHealth
from app.monitoring.service.drift_analysis import DriftAnalysis
from app.monitoring.service.failure_analysis import FailureAnalysis
from app.monitoring.service.failure_cases import FailureCases
from app.monitoring.service.monitoring import Monitoring
from app.monitoring.service.question_embedding import QuestionVectors
from app.monitoring.service.upkeep import MonitoringUpkeep, ScheduledCheck

__all__ = [
    "DataHealth",
    "DriftAnalysis",
    "FailureAnalysis",
    "FailureCases",
    "Monitoring",
    "MonitoringUpkeep",
    "QuestionVectors",
    "ScheduledCheck",
]
