from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from app.core.clock import Deadline
from app.retrieval.domain.vectors import Vector


@dataclass(frozen=True, slots=True)
class EmbeddingResult:
    """Vectors in the order of the texts, and the tokens they are charged for."""

    vectors: tuple[Vector, ...]
    tokens: int


class Embedder(Protocol):
    """Turns texts into vectors whose cosine says how alike they are."""

    @property
    def name(self) -> str:
        """Names the very weights, as `kind@digest` or `kind:model@dimensions`: other vectors, other name."""
        ...

    @property
    def model(self) -> str:
        """How the price list and the ledger call it."""
        ...

    @property
    def provider(self) -> str:
        """Who is paid: `local` for weights that run in this process."""
        ...

    @property
    def dimensions(self) -> int:
        """0 for the embedder that makes no vectors."""
        ...

    async def warm(self) -> None:
        """Makes the first text as fast as the others. Errors: StartRefused when it can never work here."""
        ...

    async def embed_query(self, text: str, deadline: Deadline) -> EmbeddingResult:
        """One vector for a question. Errors: EmbeddingFailed, OutOfTime at the deadline."""
        ...

    async def embed_passages(self, texts: Sequence[str]) -> EmbeddingResult:
        """A vector for each text, however many there are. Errors: EmbeddingFailed."""
        ...

    async def close(self) -> None: ...
