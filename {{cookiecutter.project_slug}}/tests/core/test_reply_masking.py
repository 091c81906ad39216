"""The last step of replies: what it changes, and what it leaves as it is."""

from typing import Any

import httpx
import orjson
import pytest
from fastapi import FastAPI
from fastapi.responses import Response

from app.core.reply_masking import LARGE_BYTES, WithoutSecrets
from tests.safety.outbound_forms import SECRETS

SECRET = SECRETS["GitHub"]


async def reply(content: bytes, media_type: str, unmasked: dict[str, str] | None = None) -> httpx.Response:
    app = FastAPI()

    @app.get("/v1/thing")
    async def thing() -> Any:
        return Response(content, media_type=media_type)

    app.add_middleware(WithoutSecrets, unmasked=unmasked or {})
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service") as client:
        return await client.get("/v1/thing")


@pytest.mark.parametrize("words", [1, LARGE_BYTES], ids=["small", "large"])
async def test_a_reply_of_any_size_leaves_without_the_secret(words: int) -> None:
    content = {"notes": [{"text": f"The key is {SECRET}."}], "number": 7, "rest": "word " * words}
    shown = await reply(orjson.dumps(content), "application/json")
    assert SECRET not in shown.text
    assert (shown.json()["number"], shown.json()["rest"]) == (7, content["rest"])
    assert int(shown.headers["content-length"]) == len(shown.content)


async def test_text_in_another_encoding_keeps_its_bytes() -> None:
    assert (await reply(b"caf\xe9", "text/plain; charset=latin-1")).content == b"caf\xe9"
    masked = await reply(b"caf\xe9 " + SECRET.encode(), "text/plain; charset=latin-1")
    assert masked.content.startswith(b"caf\xe9 ")
    assert SECRET.encode() not in masked.content


@pytest.mark.parametrize("content", [b'{"b": 1.0,  "a": "\\u00e9"}', b""])
async def test_where_nothing_is_masked_the_bytes_stay(content: bytes) -> None:
    assert (await reply(content, "application/json")).content == content


async def test_routes_that_are_named_and_other_types_are_left_alone() -> None:
    assert (await reply(SECRET.encode(), "text/plain", {"GET /v1/thing": "a reason"})).text == SECRET
    assert (await reply(SECRET.encode(), "application/octet-stream")).text == SECRET
