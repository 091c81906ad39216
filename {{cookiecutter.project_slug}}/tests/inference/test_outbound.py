"""The whole service reaches everything through the proxy of its settings."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from app.actions.domain import ExternalServer, ToolServerUnavailable
from app.adapters.chat.choice import ModelChoice
from app.adapters.oidc.verifier import OidcTokenVerifier
from app.adapters.rooms.retrieval import RemoteSearch
from app.core.clock import Deadline
from app.core.embedded import Urls
from app.main import create_app
from app.settings import Settings, load_settings
from app.setup import process
from app.webhooks.domain import Target
from app.wiring import build
from tests.adapters.outbound.network import DIMENSIONS, HOST, open_network
from tests.conftest import adopt
from tests.fields.conftest import environment
from tests.inference.conftest import TOWER, Service
from tests.inference.forms import WHO


async def test_the_service_reaches_its_providers_through_the_proxy(
    house: Path, settings: Settings, database_urls: Urls, tmp_path: Path
) -> None:
    async with open_network(tmp_path) as network:
        chain = (ModelChoice(model="stand-in", base_url=f"https://{HOST}/v1"),)
        embedding = {"embedder": "openai", "embedder_url": "https://embedder.test/v1"}
        sizes = {"embedder_dimensions": DIMENSIONS}
        identity = {"oidc_issuer": "https://issuer.test", "oidc_audience": "service"}
        variables = {"APP_ROOT": str(house), "HTTPS_PROXY": network.proxy.url, "APP_CA_FILE": str(network.ca_file)}
        with environment(variables):
            given = load_settings(_env_file=None)
        way = {"https_proxy": given.https_proxy, "ca_file": given.ca_file}
        changed = {"root": house, "model_chain": chain, **embedding, **sizes, **identity, **way}
        chosen = settings.model_copy(update=changed)
        async with build(chosen, database_urls) as state:
            await adopt(state)
            tenant = await state.identity.ensure_tenant(f"tenant-{uuid4().hex}")
            key = (await state.identity.create_key(tenant, "test", ["user"])).text
            await Service(state, "", tenant, key, []).publish(TOWER, title="Lighthouse")
            transport = httpx.ASGITransport(app=create_app(state))
            headers = {"Authorization": f"Bearer {key}"}
            async with httpx.AsyncClient(transport=transport, base_url="http://service", headers=headers) as client:
                answer = (await client.post("/v1/answers", json={"question": WHO})).json()
            assert (answer["model"], answer["reasons"]) == ("stand-in", [])
            assert state.identity.tokens
            assert isinstance(state.identity.tokens.verifier, OidcTokenVerifier)
            await state.identity.tokens.verifier.keys.provider.metadata()
            hook = Target("https://hooks.test/hook", private=True)
            assert await state.webhooks.transport.post(hook, {}, b"{}") == 204
    hosts = (HOST, "embedder.test", "issuer.test", "hooks.test")
    assert set(network.proxy.asked) == {f"CONNECT {host}:443" for host in hosts}


async def test_the_room_the_tools_and_the_collector_are_reached_through_the_proxy(
    house: Path, settings: Settings, database_urls: Urls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_network(tmp_path) as network:
        variables = {"APP_ROOT": str(house), "HTTPS_PROXY": network.proxy.url, "APP_CA_FILE": str(network.ca_file)}
        with environment(variables):
            given = load_settings(_env_file=None)
        way = {"https_proxy": given.https_proxy, "ca_file": given.ca_file}
        chosen = settings.model_copy(update={"root": house, "retrieval_url": "https://room.test", **way})
        async with build(chosen, database_urls) as state:
            assert isinstance(state.search, RemoteSearch)
            deadline = Deadline.after(600, state.clock)
            assert (await state.search.client.get("/internal/v1/ready", deadline)).status
            with pytest.raises(ToolServerUnavailable):
                await state.external_actions.servers.describe(ExternalServer(url="https://tools.test/mcp"))
        sessions: dict[str, Callable[[], Any]] = {}
        monkeypatch.setattr(process, "configure_tracing", lambda *_, session, **__: sessions.update(traces=session))
        monkeypatch.setattr(process, "configure_metrics", lambda *given: sessions.update(metrics=given[-1]))
        for name in ("configure_logging", "install_detectors", "use_key"):
            monkeypatch.setattr(process, name, lambda *_: None)
        monkeypatch.setattr(process.genai, "use_meter", lambda _: None)
        process.observe(chosen)
        for name, session in sessions.items():
            assert (await asyncio.to_thread(session().post, f"https://{HOST}/v1/{name}", b"")).status_code
    asked = [f"CONNECT {host}:443" for host in ("room.test", "tools.test", HOST)]
    assert set(network.proxy.asked) == set(asked)
    assert set(sessions) == {"traces", "metrics"}
    assert network.proxy.asked.count(asked[-1]) == 2
