from app.evaluation.service.canary_monitor import CanaryMonitor
from app.evaluation.service.case_runner import CaseRunner
from app.evaluation.service.corpus_sync import CorpusSync
from app.evaluation.service.evaluations import Evaluations
from app.evaluation.service.llm_judge import LLMJudge
from app.evaluation.service.report_access import ReportAccess
from app.evaluation.service.report_builder import QualityPolicyFile
from app.evaluation.service.suite_files import SuiteFiles

__all__ = [
    "CanaryMonitor",
    "CaseRunner",
    "CorpusSync",
    "Evaluations",
    "LLMJudge",
    "QualityPolicyFile",
    "ReportAccess",
    "SuiteFiles",
]
