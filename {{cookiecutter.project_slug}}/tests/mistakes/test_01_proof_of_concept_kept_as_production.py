import httpx
import pytest
from structlog.testing import capture_logs

from app.core.errors import StartRefused
from app.settings import load_settings
from app.wiring import State


def test_an_unknown_setting_stops_the_start_and_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APP_DATABASE_POOOL", "16")
    with pytest.raises(StartRefused, match=r"APP_DATABASE_POOOL is not a setting.*did you mean APP_DATABASE_POOL"):
        load_settings()


def test_a_bad_value_stops_the_start_with_its_name_and_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APP_DATABASE_POOL", "many")
    with pytest.raises(StartRefused, match=r"DATABASE_POOL: .*valid integer"):
        load_settings()


async def test_every_error_is_a_problem_with_a_code_and_a_request_id(
    client: httpx.AsyncClient, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise RuntimeError("what a user said")

    monkeypatch.setattr(type(state.answers), "answer", broken)
    with capture_logs() as logged:
        replies = [
            await client.get("/nowhere"),
            await client.put("/v1/answers"),
            await client.post("/v1/answers", content=b"{", headers={"content-type": "application/json"}),
            await client.post("/v1/answers", json={"question": "Why?"}),
        ]
    assert [(reply.status_code, reply.json()["code"]) for reply in replies] == [
        (404, "not_found"),
        (405, "method_not_allowed"),
        (400, "bad_request"),
        (500, "internal_error"),
    ]
    for reply in replies:
        assert reply.headers["content-type"] == "application/problem+json"
        assert reply.json()["request_id"] == reply.headers["x-request-id"]
        assert "what a user said" not in reply.text
    assert "core.request_failed" in [line["event"] for line in logged]
