"""Nothing that a caller can send brings the service to say 500, wherever a route takes a value: the routes and their
fields are read from the OpenAPI document, so that none can be forgotten."""

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from app.main import create_app
from app.settings import Settings
from app.wiring import build
from tests.conftest import FreshDatabase, adopt
from tests.house.inputs import Document, Place

UNSTORABLE = {"nul": '"a\\u0000b"', "half_a_character": '"a\\ud800b"', "other_half": '"\\udfff"'}
HOSTILE = {
    "more_than_64_bits": "9223372036854775808",
    "less_than_64_bits": "-9223372036854775809",
    "digits": '"99999999999999999999"',
    "very_many_digits": "9" * 5000,
    "no_number": "NaN",
    "infinity": "1e999",
    "minus_infinity": "-Infinity",
    "deep": "[" * 3000 + "]" * 3000,
    "twice": '{"a": 1, "a": 2}',
    "first_day": '"0001-01-01T00:00:00+23:59"',
    "no_zone": '"0001-01-01T00:00:00"',
    "last_day": '"9999-12-31T23:59:59-23:59"',
    "last_date": '"9999-12-31"',
    "uuid_in_words": '"urn:uuid:{0190a0a0-0000-7000-8000-000000000000}"',
    "no_characters": '"\\ufffe\\uffff"',
    "cursor": '"MDAwMS0wMS0wMVQwMDowMDowMCsyMzo1OXwwMTkwYTBhMC0wMDAwLTcwMDAtODAwMC0wMDAwMDAwMDAwMDA"',
    "null": "null",
    "largest": "9223372036854775807",
    "a_list": "[[]]",
    "four_bytes": "2147483648",
}


@pytest_asyncio.fixture(scope="module")
async def door(settings: Settings, fresh_database: FreshDatabase) -> AsyncIterator[httpx.AsyncClient]:
    """A whole service on a database of its own: what is sent here may well be done."""
    with fresh_database() as urls:
        async with build(settings, urls) as state:
            await adopt(state)
            tenant = await state.identity.ensure_tenant("inputs")
            key = await state.identity.create_key(tenant, "inputs", ["admin", "service"])
            transport = httpx.ASGITransport(app=create_app(state), raise_app_exceptions=False)
            headers = {"authorization": f"Bearer {key.text}"}
            async with httpx.AsyncClient(transport=transport, base_url="http://service", headers=headers) as client:
                yield client


@pytest_asyncio.fixture(scope="module")
async def document(door: httpx.AsyncClient) -> Document:
    return Document((await door.get("/openapi.json")).json())


async def sent(door: httpx.AsyncClient, request: httpx.Request) -> httpx.Response:
    request.headers.update(door.headers)
    return await door.send(request)


def wrong(place: Place, name: str, reply: httpx.Response) -> list[str]:
    kind = reply.headers.get("content-type", "")
    # `unstorable` is what the database itself refused: nothing is to come as far.
    bad = (
        reply.status_code >= 500
        or '"code":"unstorable"' in reply.text
        or (reply.status_code >= 400 and kind != "application/problem+json")
    )
    return [f"{place} with {name}: {reply.status_code} {reply.text[:200]}"] if bad else []


async def test_text_that_cannot_be_stored_is_refused_by_the_name_of_its_field(
    door: httpx.AsyncClient, document: Document
) -> None:
    faults: list[str] = []
    for place in document.places():
        for name, poison in UNSTORABLE.items():
            if place.where[0] != "body" and name != "nul":
                continue  # bytes that are no UTF-8 are read as U+FFFD there
            if place.where[0] == "header":
                continue  # the server takes no zero byte there; see tests/core/test_server.py
            reply = await sent(door, document.requests(place, poison))
            faults += wrong(place, name, reply)
            problem = reply.json() if reply.status_code in (400, 422) else {}
            named = place.where[-1] in problem.get("detail", "") or problem.get("detail", "").startswith("path")
            if not named:
                faults.append(f"{place} with {name}: {reply.status_code} {reply.text[:200]}")
    assert faults == []


async def test_no_value_in_any_place_is_a_fault_of_ours(door: httpx.AsyncClient, document: Document) -> None:
    faults: list[str] = []
    places = list(document.places())
    assert len(places) > 100
    for place in places:
        for name, poison in HOSTILE.items():
            faults += wrong(place, name, await sent(door, document.requests(place, poison)))
    assert faults == []


async def test_every_whole_number_that_is_taken_has_a_largest(document: Document) -> None:
    endless = [
        str(place)
        for place in document.places()
        if place.schema.get("type") == "integer" and not {"maximum", "exclusiveMaximum"} & place.schema.keys()
    ]
    assert endless == []


@pytest.mark.parametrize(
    "body",
    [
        b'{"question": "\xed\xa0\x80"}',
        '{"question": "a\\u0000"}'.encode("utf-16"),
        '{"question": "\\ud800"}'.encode("utf-32-le"),
        b'{"question": "ok", "\\ud800": 1}',
        b'{"question": "ok", "conversation": "\\uDFFF"}',
    ],
    ids=["raw bytes", "utf-16", "utf-32", "a name", "capitals"],
)
async def test_no_spelling_of_json_carries_them_in(door: httpx.AsyncClient, body: bytes) -> None:
    reply = await door.post("/v1/answers", content=body, headers={"content-type": "application/json"})
    assert reply.status_code == 422
    assert "cannot be stored" in reply.json()["detail"]


async def test_a_character_of_two_halves_is_one(door: httpx.AsyncClient) -> None:
    body = b'{"query": "what is \\ud83d\\ude00?"}'
    reply = await door.post("/v1/search", content=body, headers={"content-type": "application/json"})
    assert reply.status_code == 200


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"uri": "a\0b"}, "uri"),
        ({"access_groups": "a\0b"}, "access_groups"),
        ({"source": "a\0b"}, "source"),
        ({"metadata": '{"a": {"b": ["\\ud800"]}}'}, "metadata.a.b.0"),
        ({"metadata": '{"a\\u0000": 1}'}, "metadata.a"),
        ({"metadata": '{"a": NaN}'}, "metadata.a"),
    ],
)
async def test_a_form_is_held_to_the_same(door: httpx.AsyncClient, data: dict[str, str], field: str) -> None:
    reply = await door.post("/v1/documents", data=data, files={"files": ("a.txt", b"words", "text/plain")})
    assert (reply.status_code, reply.headers["content-type"]) == (422, "application/problem+json")
    assert field in reply.json()["detail"]


async def test_a_file_name_is_held_to_the_same(door: httpx.AsyncClient) -> None:
    head = b'--b\r\ncontent-disposition: form-data; name="files"; filename="a\0b.txt"\r\n\r\nwords\r\n--b--\r\n'
    reply = await door.post("/v1/documents", content=head, headers={"content-type": "multipart/form-data; boundary=b"})
    assert reply.status_code in (400, 422)
    assert reply.headers["content-type"] == "application/problem+json"


async def test_a_query_names_its_parameter(door: httpx.AsyncClient) -> None:
    reply = await door.get("/v1/documents?source=a%00b")
    assert reply.status_code == 422
    assert "query.source" in reply.json()["detail"]
