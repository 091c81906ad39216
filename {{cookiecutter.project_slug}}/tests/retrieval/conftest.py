import hashlib
import math
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from app.core.clock import Deadline
from app.core.embedded import Urls
from app.identity.domain import Principal
from app.retrieval.domain import Evidence, PublishRequest, Vector
from app.retrieval.ports import EmbeddingResult
from app.retrieval.service.retrieval import Retrieval
from app.settings import Settings
from app.wiring import State, build
from tests.conftest import FreshDatabase


@dataclass
class WordsEmbedder:
    """An embedder without weights: similarity is shared words; it knows Latin letters only, in a query. broken: raised
    when set."""

    model: str = "minilm-words"
    dimensions: int = 64
    provider: str = "local"
    broken: Exception | None = None
    calls: int = 0

    @property
    def name(self) -> str:
        return f"{self.model}@{self.dimensions}"

    async def warm(self) -> None:
        return None

    async def embed_query(self, text: str, deadline: Deadline) -> EmbeddingResult:
        result = await self.embed_passages([text])
        return result if text.isascii() else EmbeddingResult((), result.tokens)

    async def embed_passages(self, texts: Sequence[str]) -> EmbeddingResult:
        self.calls += 1
        if self.broken:
            raise self.broken
        return EmbeddingResult(tuple(self._vector(text) for text in texts), sum(len(text) // 4 for text in texts))

    def _vector(self, text: str) -> Vector:
        sums = [1e-3] * self.dimensions
        for word in re.findall(r"\w+", text.lower()):
            digest = hashlib.sha256(word.encode()).digest()
            sums[digest[0] % self.dimensions] += 1 if digest[1] % 2 else -1
        return Vector.of([value / math.sqrt(len(sums)) for value in sums])

    async def close(self) -> None:
        return None


@pytest.fixture(scope="package")
def database_urls(fresh_database: FreshDatabase) -> Iterator[Urls]:
    """A separate database: an index is built from all documents, and other tests leave many."""
    with fresh_database() as urls:
        yield urls


@pytest_asyncio.fixture(scope="package")
async def state(database_urls: Urls, settings: Settings) -> AsyncIterator[State]:
    async with build(settings, database_urls) as built:
        yield built


@pytest.fixture
def retrieval(state: State) -> Retrieval:
    return state.retrieval


@pytest.fixture
def request_of(tenant: UUID) -> Callable[..., PublishRequest]:
    def make(text: str, **fields: object) -> PublishRequest:
        base = PublishRequest(uuid4(), tenant, 1, "A title", "tests", "tests/one.md", text)
        return replace(base, **fields)  # type: ignore[arg-type]

    return make


@pytest.fixture
def publish(retrieval: Retrieval) -> Callable[[PublishRequest], Awaitable[int]]:
    async def run(request: PublishRequest) -> int:
        prepared = await retrieval.prepare(request)
        async with retrieval.database.transaction(request.tenant_id) as connection:
            return await retrieval.publish(connection, prepared)

    return run


@pytest.fixture
def search(retrieval: Retrieval, principal: Principal) -> Callable[..., Awaitable[Evidence]]:
    async def run(query: str, groups: Sequence[str] = (), **options: object) -> Evidence:
        caller = replace(principal, groups=frozenset(groups))
        return await retrieval.search(
            caller,
            query,
            deadline=Deadline.after(600, retrieval.clock),
            **options,  # type: ignore[arg-type]
        )

    return run
