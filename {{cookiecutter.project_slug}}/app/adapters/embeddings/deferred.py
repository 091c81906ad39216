import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from app.core.clock import Deadline
from app.retrieval.ports import Embedder, EmbeddingResult


@dataclass
class DeferredEmbedder:
    """An embedder whose name is known before its weights are read: most commands never need them.

    The weights are read by `warm`, or by the first text. Errors then: those of `open`.
    """

    name: str
    model: str
    dimensions: int
    open: Callable[[], Embedder]
    provider: str = "local"
    embedder: Embedder | None = None
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def warm(self) -> None:
        await (await self._opened()).warm()

    async def embed_query(self, text: str, deadline: Deadline) -> EmbeddingResult:
        return await (self.embedder or await self._opened()).embed_query(text, deadline)

    async def embed_passages(self, texts: Sequence[str]) -> EmbeddingResult:
        return await (self.embedder or await self._opened()).embed_passages(texts)

    async def close(self) -> None:
        if self.embedder:
            await self.embedder.close()

    async def _opened(self) -> Embedder:
        async with self.turn:
            if self.embedder is None:
                self.embedder = await asyncio.to_thread(self.open)
            return self.embedder
