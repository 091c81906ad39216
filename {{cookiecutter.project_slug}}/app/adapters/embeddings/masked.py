from collections.abc import Sequence
from dataclasses import dataclass

from app.core.clock import Deadline
from app.retrieval.ports import Embedder, EmbeddingResult
from app.safety.domain.personal_data import Mask


@dataclass(frozen=True)
class MaskedEmbedder:
    """An embedder elsewhere that never sees personal data: its texts are masked."""

    embedder: Embedder
    mask: Mask

    @property
    def name(self) -> str:
        return self.embedder.name

    @property
    def model(self) -> str:
        return self.embedder.model

    @property
    def provider(self) -> str:
        return self.embedder.provider

    @property
    def dimensions(self) -> int:
        return self.embedder.dimensions

    async def warm(self) -> None:
        await self.embedder.warm()

    async def embed_query(self, text: str, deadline: Deadline) -> EmbeddingResult:
        return await self.embedder.embed_query(self.mask(text), deadline)

    async def embed_passages(self, texts: Sequence[str]) -> EmbeddingResult:
        return await self.embedder.embed_passages([self.mask(text) for text in texts])

    async def close(self) -> None:
        await self.embedder.close()
