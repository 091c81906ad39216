"""A past answer made again, and what differs."""

from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from app.core.access import may_read
from app.core.database import Database
from app.identity.domain import Principal
from app.inference import repository
from app.inference.domain.answer import EXTRACTIVE, AnswerNotFound, source_documents
from app.inference.domain.replay import AnswerConditions, Difference, Replay
from app.inference.service.archive import check_left, check_sight
from app.inference.service.trials import Trials
from app.retrieval.domain import Evidence


@dataclass(frozen=True)
class AnswerReplays:
    """Past answers, made again."""

    database: Database
    trials: Trials

    async def replay(self, caller: Principal, answer_id: UUID) -> Replay:
        """Runs an answer's question again on its own release and corpus version, for the groups it was asked for.

        The caller's own rights decide what is shown: to who may not read what it is made of, now or then, there is no
        such answer. Charged as an evaluation.
        Errors: AnswerNotFound, AnswerHeld, JudgedTwice, and those of Trials.run.
        """
        async with self.database.read(caller.tenant_id) as connection:
            kept = await repository.find(connection, answer_id, caller.groups)
        if kept is None:
            raise AnswerNotFound(f"There is no answer {answer_id}.")
        check_sight(kept, caller)
        check_left(kept)
        then = AnswerConditions.read(kept.conditions)
        asker = replace(caller, groups=frozenset(then.groups))
        trial = await self.trials.run(
            kept.release_id,
            asker,
            then.question(kept.question),
            corpus_version=kept.corpus_version,
            subject_id=answer_id,
        )
        async with self.database.read(caller.tenant_id) as connection:
            seen = source_documents(trial.answer, trial.evidence, None)
            if not await may_read(connection, caller.groups, seen):
                raise AnswerNotFound(f"There is no answer {answer_id}.")
        return _compared(kept, then, trial.evidence, trial.answer.text)


def _compared(kept: Any, then: AnswerConditions, evidence: Evidence, text: str) -> Replay:
    was = dict(then.evidence)
    now = {passage.chunk_id: passage.score for passage in evidence.passages}
    gone = [chunk for chunk in was if chunk not in now]
    differences = [Difference(f"passage {chunk}", f"{was[chunk]:.6f}", "not found") for chunk in gone]
    differences += [Difference(f"passage {c}", "not found", f"{score:.6f}") for c, score in now.items() if c not in was]
    differences += [
        Difference(f"passage {chunk}", f"{was[chunk]:.6f}", f"{now[chunk]:.6f}")
        for chunk in was
        if chunk in now and was[chunk] != now[chunk]
    ]
    if then.degraded != evidence.degraded:
        differences.append(Difference("search", then.degraded or "whole", evidence.degraded or "whole"))
    same_evidence = not differences and list(was) == list(now)
    if kept.body["text"] != text:
        differences.append(Difference("text", kept.body["text"], text))
    return Replay(
        kept.id,
        kept.release_id,
        kept.corpus_version,
        same_evidence,
        kept.body["text"] == text,
        kept.model == EXTRACTIVE,
        len(gone),
        kept.body["text"],
        text,
        tuple(differences),
    )
