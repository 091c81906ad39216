"""POST /v1/embeddings: vectors of the index's embedder, in OpenAI's format."""

import base64
import math
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import openai
import pytest
import pytest_asyncio

from app.core.embedded import Urls
from app.costs.domain import ModelPrice, PriceTable, Tier, UnitPrices
from app.identity.domain import KeyTerms
from app.retrieval.domain import IndexRow
from app.retrieval.ports import Embedder
from app.settings import Settings
from app.wiring import build
from tests.conftest import adopt, override
from tests.inference.conftest import Service, loaded

URL = "/v1/embeddings"
TEXTS = ["The lighthouse of Karlen.", "A bridge of steel."]


@pytest_asyncio.fixture(scope="module")
async def service(house: Path, settings: Settings, database_urls: Urls) -> AsyncIterator[Service]:
    """A service with the bundled embedder."""
    chosen = settings.model_copy(update={"root": house, "embedder": "minilm"})
    async with build(chosen, database_urls) as state:
        await adopt(state)
        tenant = await state.identity.ensure_tenant("embeddings")
        key = (await state.identity.create_key(tenant, "test", ["user"])).text
        async with loaded(state) as url:
            yield Service(state, url, tenant, key, [])


def client(service: Service) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(api_key=service.key, base_url=f"{service.url}/v1", max_retries=0)


async def test_the_real_client_gets_vectors_of_length_one(service: Service) -> None:
    async with client(service) as opened:
        done = await opened.embeddings.create(model="default", input=TEXTS)
        floats = await opened.embeddings.create(model=done.model, input=TEXTS[0], encoding_format="float")
        query = await opened.embeddings.create(
            model="default", input=TEXTS[0], encoding_format="float", extra_body={"input_type": "query"}
        )
    assert [each.index for each in done.data] == [0, 1]
    assert math.isclose(math.hypot(*done.data[0].embedding), 1, rel_tol=1e-2)
    assert done.usage.total_tokens > 0
    assert floats.data[0].embedding == pytest.approx(done.data[0].embedding, abs=1e-2)
    assert len(query.data[0].embedding) == len(floats.data[0].embedding)


async def test_base64_is_of_little_endian_floats(service: Service) -> None:
    async with service.client() as http:
        replies = [
            (await http.post(URL, json={"model": "default", "input": TEXTS[0], "encoding_format": each})).json()
            for each in ("float", "base64")
        ]
    floats, packed = (reply["data"][0]["embedding"] for reply in replies)
    assert list(struct.unpack(f"<{len(floats)}f", base64.b64decode(packed))) == pytest.approx(floats)


async def test_it_is_charged_to_the_caller_and_rate_limited(service: Service) -> None:
    rows = "select feature, model, input_tokens, key_id from ledger order by at desc limit 1"
    async with service.client() as http:
        reply = (await http.post(URL, json={"model": "default", "input": TEXTS, "user": "bo", "what": 1})).json()
    [(feature, model, tokens, key)] = await service.rows(rows)
    caller = await service.state.identity.authenticate(service.key)
    assert (feature, tokens, key) == ("embedding_query", reply["usage"]["prompt_tokens"], caller.key_id)
    assert model == reply["model"]
    assert [each["name"] for each in reply["warnings"]] == ["what"]


@dataclass(frozen=True)
class Paid:
    """The bundled embedder under a name that has a price."""

    embedder: Embedder
    model: str = "stand-in"

    def __getattr__(self, name: str) -> Any:
        return getattr(self.embedder, name)


async def test_a_paid_embedder_is_within_the_budget(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    [(name, embedder)] = service.state.retrieval.embedders.items()
    monkeypatch.setitem(service.state.retrieval.embedders, name, Paid(embedder))  # type: ignore[arg-type]
    unit = UnitPrices(Decimal(1), Decimal(1), Decimal(2))
    table = PriceTable([ModelPrice("stand-in", "local", "policy", (Tier(0, unit),))])
    override(service.state.costs, table=table)
    asked = {"model": "default", "input": TEXTS}
    budgets = service.state.costs.budgets
    async with service.client() as http:
        await budgets.set("tests", service.tenant, "day", 1, "a test needs it")
        refused = await http.post(URL, json=asked)
        await budgets.set("tests", service.tenant, "day", 10**9, "a test needs it")
        charged = await http.post(URL, json=asked)
    assert charged.status_code == 200, charged.text
    [(micro_usd,)] = await service.rows("select micro_usd from ledger where model = 'stand-in'")
    assert micro_usd == charged.json()["usage"]["total_tokens"]
    assert (refused.status_code, refused.json()["error"]["type"]) == (402, "insufficient_quota")


@pytest.mark.parametrize(
    ("body", "status", "code", "param"),
    [
        ({"input": []}, 422, "invalid", "input"),
        ({"input": ""}, 422, "invalid", "input"),
        ({"input": ["a", " "]}, 422, "input_invalid", "input"),
        ({"input": [1, 2, 3]}, 422, "input_invalid", "input"),
        ({"input": [[1, 2, 3]]}, 422, "input_invalid", "input"),
        ({"input": ["a"] * 257}, 422, "invalid", "input"),
        ({"input": "x" * 8_001}, 422, "input_invalid", "input"),
        ({"input": ["x" * 7_000] * 60}, 422, "input_invalid", "input"),
        ({"input": "a\0b"}, 422, "invalid", "input"),
        ({"dimensions": 3}, 422, "dimensions_fixed", "dimensions"),
        ({"encoding_format": "int8"}, 422, "invalid", "encoding_format"),
        ({"model": "text-embedding-3-small"}, 404, "model_not_found", "model"),
    ],
)
async def test_what_cannot_be_embedded_is_refused(
    service: Service, body: dict[str, Any], status: int, code: str, param: str
) -> None:
    async with service.client() as http:
        reply = await http.post(URL, json={"model": "default", "input": "a", **body})
    error = reply.json()["error"]
    assert (reply.status_code, error["code"]) == (status, code)
    assert (error["param"] or param).startswith(param)


async def test_it_needs_the_permission_and_an_embedder(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    caller = await service.state.identity.authenticate(service.key)
    assert caller.may("search:read")
    terms = KeyTerms(permissions=frozenset({"answers:read"}))
    narrow = await service.state.identity.create_key(service.tenant, "narrow", ["user"], terms=terms)
    async with service.client(narrow.text) as http:
        assert (await http.post(URL, json={"model": "default", "input": "a"})).status_code == 403
    monkeypatch.setattr(IndexRow, "dense", property(lambda _: False))
    async with service.client() as http:
        reply = await http.post(URL, json={"model": "default", "input": "a"})
    assert (reply.status_code, reply.json()["error"]["code"]) == (422, "no_embedder")
