from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from app.core.clock import Deadline
from app.identity.domain import Principal
from app.retrieval.domain.evidence import Evidence
from app.retrieval.domain.indexes import IndexRow, SearchParams
from app.retrieval.domain.vectors import Vector


@dataclass(frozen=True, slots=True)
class EmbeddingResult:
    """Vectors in the order of the texts, and the tokens they are charged for."""

    vectors: tuple[Vector, ...]
    tokens: int


class Embedder(Protocol):
    """Turns texts into vectors whose cosine is their similarity."""

    @property
    def name(self) -> str:
        """Identifies the weights, as `kind@digest` or `kind:model@dimensions`: other vectors, other name."""
        ...

    @property
    def model(self) -> str:
        """The name of the model in the price list and the ledger."""
        ...

    @property
    def provider(self) -> str:
        """The provider in the price list; `local` for weights that run in this process."""
        ...

    @property
    def dimensions(self) -> int:
        """The length of the vectors; 0 for the embedder without vectors."""
        ...

    async def warm(self) -> None:
        """Load the model, so that the first text is as fast as others. Errors: StartRefused when it is unusable."""
        ...

    async def embed_query(self, text: str, deadline: Deadline) -> EmbeddingResult:
        """Embed a query; no vector for one in a script that the embedder does not know.

        Errors: EmbeddingFailed, OutOfTime at the deadline.
        """
        ...

    async def embed_passages(self, texts: Sequence[str]) -> EmbeddingResult:
        """Embed any number of passages. Errors: EmbeddingFailed."""
        ...

    async def close(self) -> None:
        """Ends connections and threads; nothing is called afterwards."""
        ...


class PassageSearch(Protocol):
    """The search as other rooms call it: in this process, or in one that runs retrieval alone."""

    async def search(
        self,
        caller: Principal,
        query: str,
        *,
        deadline: Deadline,
        limit: int = 10,
        corpus_version: int | None = None,
        index: IndexRow | None = None,
        params: SearchParams | None = None,
        charge: bool = False,
    ) -> Evidence:
        """The most relevant passages that the caller may read, best first. Idempotent, except for what it costs.

        corpus_version: search the documents of that version, except those deleted or restricted since. The
        same version always gives the same scores. limit: 1 to 50 passages.
        index, params: those of a release; by default the live index and the parameters of the process that searches.
        charge: write the ledger row of the query's embedding; otherwise the caller does, from `usage`.
        Without an embedding of the query, the search uses BM25 alone: see `degraded`.
        Errors: EmbedderMismatch, IndexNotFound, NoLiveIndex, DatabaseUnavailable, OutOfTime; from another process also
        RoomUnavailable, RoomKeyRefused, RoomReplyInvalid.
        """
        ...
