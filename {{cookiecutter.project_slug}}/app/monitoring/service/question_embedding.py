"""Vectors of stored questions: made by the worker, and erased with their questions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

import structlog

from app.core.database import Database
from app.core.errors import Problem
from app.core.telemetry import counter
from app.inference.domain.answer_record import AnswerRecord
from app.inference.service import AnswerRecords
from app.monitoring.repository import vector_store
from app.retrieval.service.retrieval import Retrieval

if TYPE_CHECKING:
    from app.monitoring.domain.question_vectors import QuestionArray

log = structlog.get_logger(__name__)

BATCH = 200
EMBEDDED = counter("app_questions_embedded_total", "Questions that monitoring embedded, by result.", ["result"])


@dataclass(frozen=True)
class QuestionVectors:
    """max_embedded: questions of a tenant that one call embeds at most."""

    database: Database
    records: AnswerRecords
    retrieval: Retrieval
    max_embedded: int

    async def of(self, tenant_id: UUID, records: Sequence[AnswerRecord]) -> "dict[UUID, QuestionArray]":
        """The vectors of the questions, by answer, all of one embedder and of the length 1. Those that are missing are
        embedded first, in the order of `records`; a question may have none, as where the budget is used up.
        """
        from app.monitoring.domain.question_vectors import unpack

        embedder = await self._embedder()
        stored = await self._stored(tenant_id, embedder, records)
        missing = [each for each in records if each.id not in stored][: self.max_embedded]
        for start in range(0, len(missing), BATCH):
            batch = missing[start : start + BATCH]
            try:
                stored |= await self._embed(tenant_id, embedder, batch)
            except Problem as problem:
                EMBEDDED.labels(problem.code).inc(len(batch))
                log.warning("monitoring.questions_not_embedded", code=problem.code, tenant_id=str(tenant_id))
                break
        return dict(zip(stored, unpack(list(stored.values())), strict=True)) if stored else {}

    async def _embedder(self) -> str:
        """Of the live index; vectors of words where it has none, or this process has not its embedder."""
        from app.monitoring.domain.question_vectors import WORDS

        index = await self.retrieval.indexes.live()
        name = index.fingerprint.embedder
        return name if index.dense and name in self.retrieval.embedders else WORDS

    async def _stored(self, tenant_id: UUID, embedder: str, records: Sequence[AnswerRecord]) -> dict[UUID, bytes]:
        async with self.database.read(tenant_id) as connection:
            return await vector_store.list_vectors(connection, embedder, [each.id for each in records])

    async def _embed(self, tenant_id: UUID, embedder: str, batch: Sequence[AnswerRecord]) -> dict[UUID, bytes]:
        """Errors: EmbeddingFailed, OutOfTime, BudgetUsedUp, DatabaseUnavailable."""
        from app.monitoring.domain.question_vectors import WORDS, pack, word_vectors

        questions = [each.question for each in batch]
        if embedder == WORDS:
            packed = pack(word_vectors(questions))
        else:
            result, _ = await self.retrieval.passages.embed(embedder, questions, tenant_id, batch[0].id)
            packed = [vector.halves for vector in result.vectors]
        vectors = {each.id: vector for each, vector in zip(batch, packed, strict=True)}
        async with self.database.transaction(tenant_id) as connection:
            stored = await self.records.lock_stored(connection, tenant_id, list(vectors))
            vectors = {answer: vector for answer, vector in vectors.items() if answer in stored}
            await vector_store.store_vectors(connection, tenant_id, embedder, vectors)
        EMBEDDED.labels("embedded").inc(len(vectors))
        return vectors
