from app.inference.service.acting import Acting
from app.inference.service.again import Again
from app.inference.service.answering import Answers, Keyed
from app.inference.service.chain import Link, ModelChain
from app.inference.service.delivering import DECIDED, Deliveries
from app.inference.service.keeping import Archive
from app.inference.service.outcomes import Outcomes, Resolved
from app.inference.service.pipeline import ACT, PROMPT, Pipeline
from app.inference.service.replaying import Replays
from app.inference.service.serving import Assignment, Serving, Servings
from app.inference.service.telling import Telling
from app.inference.service.trials import Trial, Trials

__all__ = [
    "ACT",
    "DECIDED",
    "PROMPT",
    "Acting",
    "Again",
    "Answers",
    "Archive",
    "Assignment",
    "Deliveries",
    "Keyed",
    "Link",
    "ModelChain",
    "Outcomes",
    "Pipeline",
    "Replays",
    "Resolved",
    "Serving",
    "Servings",
    "Telling",
    "Trial",
    "Trials",
]
