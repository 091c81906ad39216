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
from app.retrieval.domain import EmbeddingFailed, IndexRow, SearchUsage, Vector
from app.retrieval.ports import Embedder
from app.retrieval.service.passage_embedding import is_unbilled, max_tokens

CACHE_SIZE = 4096
DEGRADED = counter("app_search_degraded_total", "Searches without vectors, by reason.", ["why"])


@dataclass(frozen=True, slots=True)
class QueryVector:
    vector: Vector | None
    usage: SearchUsage | None = None
    degraded: str | None = None


@dataclass(frozen=True)
class QueryEmbeddings:
    """Embeds queries within the tenant's budget, with a cache of recent ones."""

    embedders: Mapping[str, Embedder]
    costs: Costs
    cache: OrderedDict[tuple[str, str], Vector] = field(default_factory=OrderedDict)

    async def vector(self, tenant_id: UUID, index: IndexRow, text: str, deadline: Deadline) -> QueryVector:
        """The query's vector for `index`; without a vector, and with the reason in `degraded`, when the embedder fails,
        time runs out or the budget is used up. Without both when the embedder does not know the query's script.

        Errors: EmbedderMismatch.
        """
        index.check_embedder(self.embedders)
        if not index.dense or not text.strip():
            return QueryVector(None)
        embedder = self.embedders[index.fingerprint.embedder]
        if cached := self._from_cache(embedder.name, text):
            return QueryVector(cached, SearchUsage(embedder.model, 0))
        limit = max_tokens([text])
        hold = None
        try:
            hold = await self.costs.reservations.hold(tenant_id, self.costs.max_cost(embedder.model, Usage(limit)))
            embedded = await embedder.embed_query(text, deadline)
        except (EmbeddingFailed, OutOfTime, BudgetUsedUp) as error:
            DEGRADED.labels(error.code).inc()
            tokens = 0 if is_unbilled(error) else limit
            return QueryVector(None, SearchUsage(embedder.model, tokens, hold) if hold else None, error.code)
        except BaseException as error:
            self.abandon(tenant_id, SearchUsage(embedder.model, 0 if is_unbilled(error) else limit, hold))
            raise
        vector = next(iter(embedded.vectors), None)
        if vector:
            self._to_cache(embedder.name, text, vector)
        tokens = embedded.tokens or (limit if hold else 0)
        return QueryVector(vector, SearchUsage(embedder.model, tokens, hold))

    def abandon(self, tenant_id: UUID, usage: SearchUsage | None, rows: Sequence[LedgerRow] = ()) -> None:
        """Charge the embedding of a failed search and settle its hold. rows: its ledger rows, if they may be stored."""
        if usage is None or not (usage.tokens or usage.hold):
            return
        if usage.tokens and not rows:
            rows = [self.costs.row(tenant_id, "embedding_query", usage.model, Usage(usage.tokens))]
        holds = (usage.hold,) if usage.hold else ()
        paid = Settlement(holds, sum(row.charge.micro_usd for row in rows))
        self.costs.late.run_in_background(self.costs.abandon(tenant_id, None, rows, paid))

    def _from_cache(self, name: str, text: str) -> Vector | None:
        if vector := self.cache.get((name, text)):
            self.cache.move_to_end((name, text))
        return vector

    def _to_cache(self, name: str, text: str, vector: Vector) -> None:
        self.cache[name, text] = vector
        if len(self.cache) > CACHE_SIZE:
            self.cache.popitem(last=False)
