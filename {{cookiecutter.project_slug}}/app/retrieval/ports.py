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
        """Embed a query. Errors: EmbeddingFailed, OutOfTime at the deadline."""
        ...

    async def embed_passages(self, texts: Sequence[str]) -> EmbeddingResult:
        """Embed any number of passages. Errors: EmbeddingFailed."""
        ...

    async def close(self) -> None: ...
