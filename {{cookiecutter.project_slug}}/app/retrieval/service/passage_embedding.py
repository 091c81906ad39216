import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from app.core.database import Database
from app.core.errors import OutOfTime
from app.costs.domain import Usage
from app.costs.domain.budgets import Hold, Settlement
from app.costs.service import Costs
from app.retrieval.domain import EmbeddingFailed, IndexRow, Vector, text_digest
from app.retrieval.ports import Embedder, EmbeddingResult
from app.retrieval.repository.stored_vectors import stored_vectors

UNBILLED_REASONS = {"refused", "unreachable"}
HOLD_SECONDS_PER_TEXT, MIN_HOLD_SECONDS = 1.0, 300.0


@dataclass(frozen=True)
class PassageEmbeddings:
    """Embeds passages within the tenant's budget. They are charged immediately, even if they are not used."""

    embedders: Mapping[str, Embedder]
    costs: Costs
    database: Database

    async def stored(self, tenant_id: UUID, index: IndexRow, texts: Sequence[str]) -> dict[str, Vector]:
        """The vectors that the index holds for these texts in any document or version of the tenant; they cost
        nothing.
        """
        digests = {text: text_digest(text) for text in texts}
        found = await stored_vectors(self.database, tenant_id, index.number, list(set(digests.values())))
        return {text: found[digest] for text, digest in digests.items() if digest in found}

    async def embed(
        self, name: str, texts: Sequence[str], tenant_id: UUID, subject_id: UUID
    ) -> tuple[EmbeddingResult, bool]:
        """The vectors, and whether they were charged here. Errors: EmbeddingFailed, OutOfTime, BudgetUsedUp."""
        embedder, limit = self.embedders[name], max_tokens(texts)
        seconds = max(MIN_HOLD_SECONDS, len(texts) * HOLD_SECONDS_PER_TEXT)
        max_cost = self.costs.max_cost(embedder.model, Usage(limit))
        hold = await self.costs.reservations.hold(tenant_id, max_cost, seconds=seconds)
        if hold is None:
            return await embedder.embed_passages(texts), False
        try:
            embedded = await embedder.embed_passages(texts)
        except BaseException as error:
            await asyncio.shield(self._charge(hold, embedder.model, 0 if is_unbilled(error) else limit, subject_id))
            raise
        await asyncio.shield(self._charge(hold, embedder.model, embedded.tokens or limit, subject_id))
        return embedded, True

    async def _charge(self, hold: Hold, model: str, tokens: int, subject_id: UUID) -> None:
        row = self.costs.row(hold.tenant_id, "embedding_document", model, Usage(tokens), subject_id=subject_id)
        paid = Settlement((hold,), row.charge.micro_usd)
        await self.costs.abandon(hold.tenant_id, None, [row] if tokens else [], paid)


def max_tokens(texts: Sequence[str]) -> int:
    """An upper bound of the charged tokens: a token is at least one byte, and each text has a few more."""
    return sum(len(text.encode()) + 16 for text in texts)


def is_unbilled(error: BaseException) -> bool:
    """Whether a call that failed with this error is certainly not billed by its provider."""
    if isinstance(error, EmbeddingFailed):
        return error.extra.get("reason") in UNBILLED_REASONS and not error.billed
    return isinstance(error, Exception) and not isinstance(error, OutOfTime)
