import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from app.core.clock import Deadline
from app.core.errors import OutOfTime
from app.core.telemetry import counter
from app.costs.domain import LedgerRow, Usage
from app.costs.domain.budgets import BudgetUsedUp, Settlement
from app.costs.service import Costs
from app.retrieval.domain import (
    CHUNKER_VERSION,
    Chunk,
    ChunkerMismatch,
    EmbeddingFailed,
    IndexRow,
    PreparedChunk,
    PublishRequest,
    SearchUsage,
    TooManyChunks,
    Vector,
    chunk,
    indexed_text,
)
from app.retrieval.ports import Embedder, EmbeddingResult
from app.retrieval.service.passage_embedding import PassageEmbeddings, free, max_tokens

REMEMBERED = 4096
# A page is cut in less time than it takes to wake another thread.
_QUICKLY_CUT = 10_000

_degraded = counter("app_search_degraded_total", "Searches by words alone because vectors were not to be had.", ["why"])


@dataclass(frozen=True, slots=True)
class QueryVector:
    vector: Vector | None
    usage: SearchUsage | None = None
    degraded: str | None = None


@dataclass(frozen=True)
class QueryEmbeddings:
    """Vectors of questions. The same question is embedded once while it is remembered."""

    embedders: Mapping[str, Embedder]
    costs: Costs
    remembered: OrderedDict[tuple[str, str], Vector] = field(default_factory=OrderedDict)

    async def vector(self, tenant_id: UUID, index: IndexRow, text: str, deadline: Deadline) -> QueryVector:
        """The question's vector for `index`; without one, and why, when the embedder fails or there is no time or no
        money for it.

        Errors: EmbedderMismatch.
        """
        index.check_embedder(self.embedders)
        if not index.dense or not text.strip():
            return QueryVector(None)
        embedder = self.embedders[index.fingerprint.embedder]
        if known := self._recall(embedder.name, text):
            return QueryVector(known, SearchUsage(embedder.model, 0))
        most = max_tokens([text])
        hold = None
        try:
            hold = await self.costs.budgets.hold(tenant_id, self.costs.max_cost(embedder.model, Usage(most)))
            embedded = await embedder.embed_query(text, deadline)
        except (EmbeddingFailed, OutOfTime, BudgetUsedUp) as error:
            _degraded.labels(error.code).inc()
            spent = 0 if free(error) else most
            return QueryVector(None, SearchUsage(embedder.model, spent, hold) if hold else None, error.code)
        except BaseException as error:
            self.abandon(tenant_id, SearchUsage(embedder.model, 0 if free(error) else most, hold))
            raise
        vector = embedded.vectors[0]
        self._remember(embedder.name, text, vector)
        tokens = embedded.tokens or (most if hold else 0)
        return QueryVector(vector, SearchUsage(embedder.model, tokens, hold))

    def abandon(self, tenant_id: UUID, usage: SearchUsage | None, rows: Sequence[LedgerRow] = ()) -> None:
        """Charges a vector that nobody got a search for, and ends its hold. rows: what may have been written of it."""
        if usage is None or not (usage.tokens or usage.hold):
            return
        if usage.tokens and not rows:
            rows = [self.costs.row(tenant_id, "embedding_query", usage.model, Usage(usage.tokens))]
        holds = (usage.hold,) if usage.hold else ()
        paid = Settlement(holds, sum(row.charge.micro_usd for row in rows))
        self.costs.late.run_in_background(self.costs.abandon(tenant_id, None, rows, paid))

    def _recall(self, name: str, text: str) -> Vector | None:
        if vector := self.remembered.get((name, text)):
            self.remembered.move_to_end((name, text))
        return vector

    def _remember(self, name: str, text: str, vector: Vector) -> None:
        self.remembered[name, text] = vector
        if len(self.remembered) > REMEMBERED:
            self.remembered.popitem(last=False)


async def prepare_for(
    index: IndexRow, request: PublishRequest, passages: PassageEmbeddings
) -> tuple[list[PreparedChunk], int | None]:
    """The document cut and embedded as `index` was, and the tokens that are still to be charged, if any.

    Errors: EmbedderMismatch, ChunkerMismatch, TooManyChunks, EmbeddingFailed, BudgetUsedUp.
    """
    index.check_embedder(passages.embedders)
    if index.fingerprint.chunker != CHUNKER_VERSION:
        raise ChunkerMismatch(
            f"Index {index.number} was cut by {index.fingerprint.chunker}; this code cuts with {CHUNKER_VERSION}."
        )
    cut = await _cut(request, index)
    if request.max_chunks is not None and len(cut) > request.max_chunks:
        raise TooManyChunks(f"The text is cut into {len(cut):,} chunks; {request.max_chunks:,} is the most.")
    if not index.dense:
        return [PreparedChunk(part, None) for part in cut], None
    texts = [indexed_text(part) for part in cut]
    name, tenant_id, document_id = index.fingerprint.embedder, request.tenant_id, request.document_id
    embedded, charged = await passages.embed(name, texts, tenant_id, document_id)
    _check(index, cut, embedded)
    chunks = [PreparedChunk(*pair) for pair in zip(cut, embedded.vectors, strict=True)]
    return chunks, None if charged else embedded.tokens


async def _cut(request: PublishRequest, index: IndexRow) -> list[Chunk]:
    if len(request.text) < _QUICKLY_CUT:
        return chunk(request.text, request.headings, index.fingerprint.params)
    return await asyncio.to_thread(chunk, request.text, request.headings, index.fingerprint.params)


def _check(index: IndexRow, cut: Sequence[Chunk], embedded: EmbeddingResult) -> None:
    """Whatever an embedder promises, nothing that does not fit reaches the index."""
    if len(embedded.vectors) != len(cut):
        raise EmbeddingFailed(f"{len(embedded.vectors)} vectors for {len(cut)} chunks.", reason="wrong_count")
    wanted = index.fingerprint.dimensions
    for vector in embedded.vectors:
        if vector.dimensions != wanted:
            raise EmbeddingFailed(
                f"A vector of {vector.dimensions} dimensions for an index of {wanted}.", reason="wrong_dimensions"
            )
