import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from app.core.clock import Deadline
from app.retrieval.ports import Embedder, EmbeddingResult


@dataclass
class DeferredEmbedder:
    """An embedder that loads its weights on first use: most commands never need them.

    `warm` or the first text loads them, with the errors of `open`.
    """

    name: str
    model: str
    dimensions: int
    open: Callable[[], Embedder]
    provider: str = "local"
    embedder: Embedder | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def warm(self) -> None:
        await (await self._load()).warm()

    async def embed_query(self, text: str, deadline: Deadline) -> EmbeddingResult:
        return await (self.embedder or await self._load()).embed_query(text, deadline)

    async def embed_passages(self, texts: Sequence[str]) -> EmbeddingResult:
        return await (self.embedder or await self._load()).embed_passages(texts)

    async def close(self) -> None:
        if self.embedder:
            await self.embedder.close()

    async def _load(self) -> Embedder:
        async with self.lock:
            if self.embedder is None:
                self.embedder = await asyncio.to_thread(self.open)
            return self.embedder
