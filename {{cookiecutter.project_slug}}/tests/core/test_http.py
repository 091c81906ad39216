from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from app.core.http import Observed, ResponseAborted


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("PUT", "/health/live", 405, "method_not_allowed"),
        ("POST", "/v1/keys", 422, "invalid"),
    ],
)
async def test_every_error_is_a_problem_with_a_code_and_a_request_id(
    client: httpx.AsyncClient, method: str, path: str, status: int, code: str
) -> None:
    response = await client.request(method, path, json={"unknown": 1}, headers={"X-Request-ID": "my-request-1"})
    body = response.json()
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert body["code"] == code
    assert body["status"] == status
    assert body["request_id"] == response.headers["x-request-id"] == "my-request-1"
    assert body["type"] == f"/problems/{code}"


async def test_a_body_that_is_not_json_is_a_400(client: httpx.AsyncClient) -> None:
    response = await client.post("/v1/keys", content=b"{", headers={"Content-Type": "application/json"})
    assert (response.status_code, response.json()["code"]) == (400, "bad_request")


async def test_a_request_id_that_could_forge_log_lines_is_replaced(client: httpx.AsyncClient) -> None:
    response = await client.get("/health/live", headers={"X-Request-ID": "evil id"})
    assert response.headers["x-request-id"] != "evil id"


async def test_ready_names_each_dependency(client: httpx.AsyncClient) -> None:
    response = await client.get("/health/ready")
    assert response.status_code == 200
    checks = response.json()["checks"]
    assert {name: checks[name] for name in ("database", "notifications", "storage", "schema")} == dict.fromkeys(
        ("database", "notifications", "storage", "schema"), "ok"
    )


async def test_metrics_count_requests_by_route_and_not_by_address(client: httpx.AsyncClient) -> None:
    await client.delete("/v1/keys/nosuchprefix")
    text = (await client.get("/metrics")).text
    assert 'route="/v1/keys/{prefix}",status="404"' in text
    assert "nosuchprefix" not in text


async def test_a_body_over_the_limit_is_rejected_by_its_content_length(client: httpx.AsyncClient) -> None:
    response = await client.post("/v1/keys", content=b" " * 2_000_000)
    assert (response.status_code, response.json()["code"]) == (413, "too_large")
    assert response.json()["request_id"]


async def test_a_body_without_content_length_is_counted(client: httpx.AsyncClient) -> None:
    sent: list[int] = []

    async def endless() -> AsyncIterator[bytes]:
        for number in range(3000):
            sent.append(number)
            yield b" " * 1000

    response = await client.post("/v1/keys", content=endless(), headers={"Content-Type": "application/json"})
    assert (response.status_code, response.json()["code"]) == (413, "too_large")
    assert len(sent) < 1100, "no more is read than is allowed"


async def test_an_error_after_the_first_byte_of_a_response_is_logged_too() -> None:
    async def breaks(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise ValueError

    async def nowhere(_: Any) -> None: ...

    scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
    with capture_logs() as logged, pytest.raises(ResponseAborted):
        await Observed(breaks)(scope, nowhere, nowhere)
    assert [each["event"] for each in logged] == ["core.request_failed"]
