from app.inference.service.answer_listing import AnswerListing
from app.inference.service.answer_records import AnswerRecords
from app.inference.service.answers import Answers
from app.inference.service.archive import AnswerArchive
from app.inference.service.contextualization import Contextualization
from app.inference.service.conversation_access import Conversations
from app.inference.service.delivery import Delivery, IdempotentReply
from app.inference.service.generation import Generation
from app.inference.service.held_answers import ANSWER_DECIDED_CHANNEL, HeldAnswers
from app.inference.service.live_traffic import LiveTraffic, ResolvedAnswers
from app.inference.service.loaded_release import AssignedRelease, LoadedRelease, LoadedReleases
from app.inference.service.past_answers import past_answers
from app.inference.service.pipeline import Pipeline
from app.inference.service.replay_answer import AnswerReplays
from app.inference.service.tool_calling import ToolCalling
from app.inference.service.trials import Trial, Trials

__all__ = [
    "ANSWER_DECIDED_CHANNEL",
    "AnswerArchive",
    "AnswerListing",
    "AnswerRecords",
    "AnswerReplays",
    "Answers",
    "AssignedRelease",
    "Contextualization",
    "Conversations",
    "Delivery",
    "Generation",
    "HeldAnswers",
    "IdempotentReply",
    "LiveTraffic",
    "LoadedRelease",
    "LoadedReleases",
    "Pipeline",
    "ResolvedAnswers",
    "ToolCalling",
    "Trial",
    "Trials",
    "past_answers",
]
