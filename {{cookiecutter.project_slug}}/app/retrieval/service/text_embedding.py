"""Vectors of a caller's own texts, by the embedder of the index."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from app.core.clock import Deadline
from app.core.errors import Invalid, OutOfTime
from app.core.ids import new_id
from app.costs.domain import LedgerRow, Usage
from app.costs.domain.budgets import Hold, Settlement
from app.identity.domain import Principal
from app.retrieval.domain import EmbeddingFailed, IndexRow
from app.retrieval.ports import Embedder, EmbeddingResult
from app.retrieval.service.passage_embedding import is_unbilled, max_tokens
from app.retrieval.service.retrieval import Retrieval

InputType = Literal["query", "document"]


class VectorsUnavailable(Invalid):
    code, title, param = "no_embedder", "There is no embedder here", "model"
    action = "Let the operator set an embedder and build an index with it."


@dataclass(frozen=True)
class TextEmbeddings:
    """Embeds texts within the tenant's budget; each call is a row of the ledger, whatever becomes of its vectors."""

    retrieval: Retrieval
    index: IndexRow

    @property
    def embedder(self) -> Embedder:
        """Errors: VectorsUnavailable, EmbedderMismatch."""
        self.index.check_embedder(self.retrieval.embedders)
        if not self.index.dense:
            raise VectorsUnavailable("The index of the live release has no vectors.")
        return self.retrieval.embedders[self.index.fingerprint.embedder]

    async def embed(
        self, caller: Principal, texts: Sequence[str], kind: InputType, deadline: Deadline
    ) -> EmbeddingResult:
        """One vector for each text.

        Errors: VectorsUnavailable, EmbedderMismatch, EmbeddingFailed, OutOfTime, BudgetUsedUp.
        """
        embedder, limit, costs = self.embedder, max_tokens(texts), self.retrieval.costs
        hold = await costs.reservations.hold(caller.tenant_id, costs.max_cost(embedder.model, Usage(limit)))
        try:
            async with asyncio.timeout(deadline.remaining()):
                result = await _vectors(embedder, texts, kind, deadline)
        except BaseException as error:
            lost = OutOfTime("The texts were not embedded in time.") if isinstance(error, TimeoutError) else error
            await asyncio.shield(self._charge(caller, embedder, 0 if is_unbilled(lost) or not hold else limit, hold))
            raise lost from error
        await asyncio.shield(self._charge(caller, embedder, result.tokens or (limit if hold else 0), hold))
        if len(result.vectors) != len(texts):
            raise EmbeddingFailed("The embedder knows no word of one of the texts.", reason="wrong_count")
        return result

    async def _charge(self, caller: Principal, embedder: Embedder, tokens: int, hold: Hold | None) -> None:
        rows: list[LedgerRow] = []
        if tokens:
            feature: Literal["embedding_query"] = "embedding_query"
            rows = [
                self.retrieval.costs.row(
                    caller.tenant_id, feature, embedder.model, Usage(tokens), subject_id=new_id(), key_id=caller.key_id
                )
            ]
        paid = Settlement((hold,) if hold else (), sum(row.charge.micro_usd for row in rows))
        if rows or hold:
            await self.retrieval.costs.abandon(caller.tenant_id, None, rows, paid)


async def _vectors(embedder: Embedder, texts: Sequence[str], kind: InputType, deadline: Deadline) -> EmbeddingResult:
    if kind == "document":
        return await embedder.embed_passages(texts)
    results: list[EmbeddingResult] = []
    for text in texts:
        try:
            results.append(await embedder.embed_query(text, deadline))
        except EmbeddingFailed as failure:
            failure.billed = bool(results)
            raise
    vectors = tuple(vector for result in results for vector in result.vectors)
    return EmbeddingResult(vectors, sum(result.tokens for result in results))
