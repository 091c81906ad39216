"""Outside a laptop nothing is answered before a release was approved."""

from dataclasses import replace
from uuid import uuid4

import httpx
import pytest

from app.main import create_app
from app.releases.service import LiveReleases
from app.wiring import State


@pytest.fixture
def unapproved(state: State) -> State:
    live_releases = LiveReleases(state.releases, state.answers.loaded_releases, f"production-{uuid4()}")
    environments = replace(state.environments, live_releases=live_releases, self_approve_first=False)
    checks = {**state.health.checks, "release": environments.ready}
    return replace(state, environments=environments, health=replace(state.health, checks=checks))


async def test_without_an_approved_release_only_health_and_metrics_answer(
    unapproved: State, client: httpx.AsyncClient
) -> None:
    await unapproved.environments.refresh()
    transport = httpx.ASGITransport(app=create_app(unapproved), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://service", headers=client.headers) as door:
        for path in ("/v1/documents", "/v1/releases", "/v1/models", "/docs", "/openapi.json"):
            refused = await door.get(path)
            assert (refused.status_code, refused.json()["code"]) == (503, "nothing_live"), path
            assert "app release approve" in refused.json()["action"]
        asked = await door.post("/v1/answers", json={"question": "Anything?"})
        assert asked.json()["code"] == "nothing_live"
        assert (await door.get("/health/live")).status_code == 200
        assert (await door.get("/metrics")).status_code == 200
        ready = await door.get("/health/ready")
        assert ready.status_code == 503
        assert "app release activate" in ready.json()["checks"]["release"]
