"""Web pages of other origins, HEAD and OPTIONS."""

from typing import Any

import httpx
import pytest

from app.core import admission
from app.core.errors import StartRefused
from app.settings import load_settings
from app.wiring import State
from tests.conftest import ROOT
from tests.core.test_admission import client_with

PAGE, OTHER = "https://chat.example.com", "https://evil.example.com"
ASKS = {"access-control-request-method": "POST", "access-control-request-headers": "authorization,x-stainless-lang"}
ALLOWED = "access-control-allow-origin"


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "LOG_SECONDS", 0.01)


def page(state: State, **settings: Any) -> httpx.AsyncClient:
    return client_with(state, cors_origins=(PAGE,), **settings)


async def test_a_preflight_of_a_named_origin_is_answered_without_a_key_and_under_load(state: State) -> None:
    async with page(state, max_requests=0) as client:
        reply = await client.options("/v1/chat/completions", headers={"origin": PAGE, **ASKS})
    assert (reply.status_code, reply.headers[ALLOWED]) == (200, PAGE)
    assert "POST" in reply.headers["access-control-allow-methods"]
    assert reply.headers["access-control-allow-headers"] == ASKS["access-control-request-headers"]
    assert "access-control-allow-credentials" not in reply.headers


async def test_a_preflight_of_another_origin_is_refused(state: State) -> None:
    async with page(state) as client:
        reply = await client.options("/v1/answers", headers={"origin": OTHER, **ASKS})
    assert (reply.status_code, reply.json()["code"]) == (403, "origin_refused")
    assert reply.headers["content-type"] == "application/problem+json"
    assert ALLOWED not in reply.headers


async def test_responses_problems_and_rejections_name_the_origin(state: State, key: str) -> None:
    headers = {"origin": PAGE, "authorization": f"Bearer {key}"}
    async with page(state) as client:
        replies = [
            await client.get("/v1/documents", headers=headers),
            await client.get("/v1/documents", headers={"origin": PAGE}),
            await client.get("/v1/nothing", headers=headers),
            await client.post("/v1/answers", headers=headers, json={}),
        ]
        other = await client.get("/v1/documents", headers={**headers, "origin": OTHER})
    async with page(state, max_requests=0) as client:
        replies.append(await client.get("/v1/models", headers=headers))
    assert [reply.status_code for reply in replies] == [200, 401, 404, 422, 503]
    for reply in replies:
        assert reply.headers.get_list(ALLOWED) == [PAGE]
        assert "X-Request-Id" in reply.headers["access-control-expose-headers"]
        assert "origin" in reply.headers["vary"].lower()
        assert "access-control-allow-credentials" not in reply.headers
    assert ALLOWED not in other.headers


async def test_a_rejection_written_by_the_server_names_the_origin_too(state: State) -> None:
    async with page(state, max_requests=0) as client:
        control = client._transport.app.state.admission  # type: ignore[attr-defined]
    for origin, named in ((PAGE, True), (OTHER, False)):
        rejection = control.rejection("/v1/models", [(b"origin", origin.encode())])
        assert ((ALLOWED.encode(), PAGE.encode()) in rejection.headers) == named


async def test_the_console_is_never_open_to_another_origin(state: State) -> None:
    async with page(state) as client:
        assert ALLOWED not in (await client.get("/console", headers={"origin": PAGE})).headers
        forged = {"origin": PAGE, "cookie": "__Host-session=abc", "sec-fetch-site": "cross-site"}
        reply = await client.get("/v1/documents", headers=forged)
    assert reply.status_code in (401, 403)
    assert "access-control-allow-credentials" not in reply.headers


async def test_without_the_setting_no_origin_is_named(client: httpx.AsyncClient) -> None:
    assert ALLOWED not in (await client.get("/v1/documents", headers={"origin": PAGE})).headers
    preflight = await client.options("/v1/documents", headers={"origin": PAGE, **ASKS})
    assert (preflight.status_code, ALLOWED in preflight.headers) == (204, False)


@pytest.mark.parametrize(
    "origin", ["*", "null", "https://a.example/", "https://a.example/x", "a.example", "https://*.a.example"]
)
def test_only_exact_origins_are_taken(monkeypatch: pytest.MonkeyPatch, origin: str) -> None:
    monkeypatch.setenv("APP_CORS_ORIGINS", f'["{origin}"]')
    with pytest.raises(StartRefused, match="CORS_ORIGINS"):
        load_settings(root=ROOT)


async def test_head_is_a_get_without_its_body(client: httpx.AsyncClient) -> None:
    for path in ("/v1/models", "/v1/documents", "/health/live", "/openapi.json", "/v1/answers/nothing"):
        got, asked = await client.get(path), await client.head(path)
        assert (asked.status_code, asked.content) == (got.status_code, b""), path
        assert asked.headers["content-type"] == got.headers["content-type"]
    assert (await client.head("/v1/chat/completions")).status_code == 405
    assert (await client.head("/nowhere")).status_code == 404


async def test_head_needs_the_permission_of_get(client: httpx.AsyncClient) -> None:
    assert (await client.head("/v1/documents", headers={"authorization": "Bearer no"})).status_code == 401


async def test_options_lists_the_methods_of_a_path(client: httpx.AsyncClient) -> None:
    for path, methods in (
        ("/v1/chat/completions", "OPTIONS, POST"),
        ("/v1/models/default", "GET, HEAD, OPTIONS"),
        ("/v1/documents", "GET, HEAD, OPTIONS, POST"),
        ("/v1/releases/import", "OPTIONS, POST"),
    ):
        reply = await client.options(path)
        assert (reply.status_code, reply.headers["allow"]) == (204, methods)
    assert (await client.options("/nowhere")).status_code == 404


async def test_a_path_that_is_written_out_is_never_the_id_of_another(client: httpx.AsyncClient) -> None:
    for method in ("GET", "HEAD", "PUT", "TRACE"):
        reply = await client.request(method, "/v1/releases/import")
        assert (reply.status_code, reply.headers["allow"]) == (405, "OPTIONS, POST"), method
    refused = (await client.get("/v1/releases/import")).json()
    assert refused["code"] == "method_not_allowed"
    assert "/v1/releases/import" in refused["detail"]
