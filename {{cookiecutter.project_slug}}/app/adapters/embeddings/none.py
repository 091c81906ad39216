from collections.abc import Sequence
from dataclasses import dataclass

from app.core.clock import Deadline
from app.retrieval.ports import EmbeddingResult


@dataclass(frozen=True)
class NoEmbedder:
    """No embeddings: keyword search only."""

    name: str = "none"
    model: str = "none"
    provider: str = "local"
    dimensions: int = 0

    async def warm(self) -> None:
        return None

    async def embed_query(self, text: str, deadline: Deadline) -> EmbeddingResult:
        return EmbeddingResult((), 0)

    async def embed_passages(self, texts: Sequence[str]) -> EmbeddingResult:
        return EmbeddingResult((), 0)

    async def close(self) -> None:
        return None
