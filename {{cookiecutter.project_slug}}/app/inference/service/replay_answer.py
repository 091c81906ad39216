"""Replays a past answer and compares it with the original."""

from dataclasses import dataclass, replace
from uuid import UUID

from app.core.access import may_read
from app.core.database import Database
from app.identity.domain import Principal
from app.inference.domain.answer import AnswerNotFound, source_documents
from app.inference.domain.human_review import ArchivedAnswer
from app.inference.domain.release_names import EXTRACTIVE
from app.inference.domain.replay import AnswerConditions, Difference, Replay
from app.inference.service.archive import check_delivered, find_visible
from app.inference.service.conversation_access import Conversations
from app.inference.service.trials import Trials
from app.retrieval.domain import Evidence


@dataclass(frozen=True)
class AnswerReplays:
    """Replays of past answers on their own release and corpus version."""

    database: Database
    trials: Trials
    conversations: Conversations

    async def replay(self, caller: Principal, answer_id: UUID) -> Replay:
        """Runs an answer's question again on its own release and corpus version, for the groups it was asked for.

        The answer is not found for a caller who may not read its documents, then or now. Charged as an evaluation.
        Errors: AnswerNotFound, AnswerHeld, JudgedTwice, and those of Trials.run.
        """
        async with self.database.read(caller.tenant_id) as connection:
            answer = await find_visible(connection, caller, answer_id)
        check_delivered(answer)
        conditions = AnswerConditions.read(answer.conditions)
        asker = replace(caller, groups=frozenset(conditions.groups))
        earlier = await self.conversations.turns_of(asker, conditions.history.answer_ids if conditions.history else ())
        question = conditions.question(answer.question, earlier)
        trial = await self.trials.run(
            answer.release_id,
            asker,
            question,
            corpus_version=answer.corpus_version,
            subject_id=answer_id,
        )
        async with self.database.read(caller.tenant_id) as connection:
            documents = source_documents(trial.answer, trial.evidence, None, question.history)
            if not await may_read(connection, caller.groups, documents):
                raise AnswerNotFound(f"There is no answer {answer_id}.")
        return _compared(answer, conditions, trial.evidence, trial.answer.text)


def _compared(answer: ArchivedAnswer, conditions: AnswerConditions, evidence: Evidence, text: str) -> Replay:
    before = dict(conditions.evidence)
    after = {passage.chunk_id: passage.score for passage in evidence.passages}
    missing = [chunk for chunk in before if chunk not in after]
    differences = [Difference(f"passage {chunk}", f"{before[chunk]:.6f}", "not found") for chunk in missing]
    differences += [
        Difference(f"passage {c}", "not found", f"{score:.6f}") for c, score in after.items() if c not in before
    ]
    differences += [
        Difference(f"passage {chunk}", f"{before[chunk]:.6f}", f"{after[chunk]:.6f}")
        for chunk in before
        if chunk in after and before[chunk] != after[chunk]
    ]
    if conditions.degraded != evidence.degraded:
        differences.append(Difference("search", conditions.degraded or "whole", evidence.degraded or "whole"))
    same_evidence = not differences and list(before) == list(after)
    if answer.text != text:
        differences.append(Difference("text", answer.text, text))
    return Replay(
        answer.id,
        answer.release_id,
        answer.corpus_version,
        same_evidence,
        answer.text == text,
        answer.model == EXTRACTIVE,
        len(missing),
        answer.text,
        text,
        tuple(differences),
    )
