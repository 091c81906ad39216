from app.evaluation.service.canaries import Canaries
from app.evaluation.service.comparing import Rulebook
from app.evaluation.service.evaluations import Evaluations
from app.evaluation.service.judging import Judging
from app.evaluation.service.library import Library
from app.evaluation.service.reports import Reports
from app.evaluation.service.running import Runner
from app.evaluation.service.suites import Suites

__all__ = ["Canaries", "Evaluations", "Judging", "Library", "Reports", "Rulebook", "Runner", "Suites"]
