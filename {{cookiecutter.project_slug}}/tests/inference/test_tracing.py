"""A call to a provider carries the trace of the request that caused it."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from app.core.embedded import Urls
from app.core.telemetry import configure_tracing, shutdown_tracing
from app.settings import Settings
from app.wiring import build
from tests.adapters.embeddings.test_openai import SIZE, Provider
from tests.conftest import FreshDatabase
from tests.inference.conftest import Service, loaded

WHO = "Who built the lighthouse of Karlen?"
TRACE = "0af7651916cd43dd8448eb211c80319c"
KEPT = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}
PASSED_OVER = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-00"}


@pytest.fixture(params=["none", "console"])
def tracing(request: pytest.FixtureRequest) -> Iterator[None]:
    configure_tracing(request.param, 1.0, "test", "0", None)
    yield
    shutdown_tracing()


@pytest.fixture
def own_database(fresh_database: FreshDatabase) -> Iterator[Urls]:
    """A database of its own, whose first index has the embedder of the test."""
    with fresh_database() as urls:
        yield urls


@pytest_asyncio.fixture
async def vectors() -> AsyncIterator[tuple[Provider, str]]:
    provider = Provider()
    async with provider.listening() as url:
        yield provider, url


@pytest.mark.usefixtures("tracing")
@pytest.mark.parametrize("headers", [KEPT, PASSED_OVER])
@pytest.mark.parametrize("stream", [False, True])
async def test_the_model_sees_the_trace_of_the_question(
    service: Service, headers: dict[str, str], stream: bool
) -> None:
    assert (await service.ask(WHO, stream=stream, headers=headers)).status_code == 200
    _, trace, span, flags = service.model.calls[0].headers["traceparent"].split("-")
    assert (trace, len(span)) == (TRACE, 16)
    assert await service.rows("select trace_id from answers") == [(TRACE,)]
    if headers is PASSED_OVER:
        assert flags == "00"


@pytest.mark.usefixtures("tracing")
async def test_the_embedder_sees_the_trace_of_the_search(
    own_database: Urls, settings: Settings, vectors: tuple[Provider, str]
) -> None:
    provider, url = vectors
    chosen = {"embedder": "openai", "embedder_url": url, "embedder_model": "text-embedding-3-small"}
    embedding = settings.model_copy(update=chosen | {"embedder_dimensions": SIZE})
    async with build(embedding, own_database) as state, loaded(state) as address:
        tenant = await state.identity.ensure_tenant("traced")
        key = (await state.identity.create_key(tenant, "test", ["user"])).text
        service = Service(state, address, tenant, key, [])
        async with service.client() as client:
            reply = await client.post("/v1/search", json={"query": WHO}, headers=KEPT)
    assert reply.status_code == 200
    assert provider.traces[0] is not None
    assert provider.traces[0].split("-")[1] == TRACE


async def test_without_a_trace_no_header_is_sent(vectors: tuple[Provider, str]) -> None:
    from app.adapters.embeddings.openai import make_openai_embedder

    provider, url = vectors
    embedder = make_openai_embedder(url, (), "m", SIZE)
    await embedder.embed_passages(["alone"])
    await embedder.close()
    assert provider.traces == [None]
