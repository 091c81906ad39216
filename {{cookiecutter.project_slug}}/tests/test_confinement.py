"""Confidential text stays inside: with every socket to another machine closed, all works and nobody tries one."""

import shutil
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from app.adapters.chat.choice import ModelChoice
from app.adapters.chat.standin import StandIn
from app.core.embedded import Urls
from app.core.errors import StartRefused
from app.core.jobs import Worker
from app.settings import Settings
from app.wiring import build, check
from tests.conftest import TESTED, adopt
from tests.inference.conftest import PRICES, Service, loaded
from tests.inference.test_streaming import ask as ask_streamed

INSIDE = ("127.", "localhost", "::1")
AGREED = "models.agreed.example"
TEXT = "The lighthouse of Karlen was built in 1874 by the engineer Marta Holm. Its keeper is jane@acme.example."
WHO = "Who built the lighthouse of Karlen?"


@dataclass
class Sockets:
    """Closes every way to another machine while `closed`, and keeps who was to be reached."""

    closed: bool = False
    tried: list[str] = field(default_factory=list)

    def watch(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.closed or event not in ("socket.connect", "socket.getaddrinfo", "socket.sendto"):
            return
        address = arguments[0] if event == "socket.getaddrinfo" else arguments[1]
        host = address[0] if isinstance(address, tuple) else address
        inside = host is None or isinstance(host, bytes) or str(host).startswith((*INSIDE, "/"))
        if not inside:
            self.tried.append(str(host))
            raise OSError("no way to another machine")


SOCKETS = Sockets()
sys.addaudithook(SOCKETS.watch)  # for good: Python has no way to take it away


@pytest.fixture
def sockets() -> Iterator[Sockets]:
    SOCKETS.tried.clear()
    SOCKETS.closed = True
    yield SOCKETS
    SOCKETS.closed = False


@pytest.fixture
def confidential(tmp_path: Path) -> Path:
    """A service folder whose data is confidential."""
    for name in ("policies", "prompts", "migrations"):
        shutil.copytree(TESTED / name, tmp_path / name)
    ownership = tmp_path / "policies" / "ownership.yaml"
    lines = ownership.read_text().splitlines()
    ownership.write_text("\n".join("data_sensitivity: confidential" if "data_sens" in each else each for each in lines))
    cost = tmp_path / "policies" / "cost.yaml"
    cost.write_text(cost.read_text() + PRICES)
    return tmp_path


@pytest_asyncio.fixture
async def start(settings: Settings, database_urls: Urls) -> AsyncIterator[Any]:
    async with AsyncExitStack() as stack:

        async def serve(root: Path, host: str | None) -> Service:
            model = await stack.enter_async_context(StandIn())
            address = model.url if host is None else f"https://{host}/v1"
            choice = ModelChoice(model=model.model, base_url=address, idle_seconds=100, timeout_seconds=600)
            chosen = settings.model_copy(update={"root": root, "model_chain": (choice,)})
            state = await stack.enter_async_context(build(chosen, database_urls))
            await adopt(state)
            tenant = await state.identity.ensure_tenant(f"tenant-{uuid4().hex}")
            key = (await state.identity.create_key(tenant, "test", ["admin"])).text
            return Service(state, await stack.enter_async_context(loaded(state)), tenant, key, [model])

        yield serve


async def test_with_closed_sockets_documents_are_read_and_questions_answered(
    sockets: Sockets, confidential: Path, start: Any
) -> None:
    service = await start(confidential, None)
    async with service.client() as client:
        files = {"files": ("tower.md", TEXT.encode(), "text/markdown")}
        assert (await client.post("/v1/documents", files=files)).status_code == 202
    await Worker(service.state.database, service.state.jobs, concurrency=1).run(wait=False)
    plain = (await service.ask(WHO)).json()
    assert (plain["status"], plain["model"], plain["degraded"]) == ("answered", "stand-in", False)
    events = await ask_streamed(service)
    assert "1874" in events[-1][1]["text"]
    assert sockets.tried == []


async def test_a_host_that_was_agreed_is_tried_and_gets_no_personal_data(
    sockets: Sockets, confidential: Path, start: Any
) -> None:
    """That the sockets are watched at all, and that the last resort answers."""
    security = confidential / "policies" / "security.yaml"
    security.write_text(security.read_text().replace("confidential_hosts: []", f"confidential_hosts: [{AGREED}]"))
    service = await start(confidential, AGREED)
    await service.publish(TEXT, title="Lighthouse", uri="tower.md")
    reply = (await service.ask(WHO)).json()
    assert AGREED in sockets.tried
    assert set(sockets.tried) == {AGREED}
    assert (reply["status"], reply["model"], reply["degraded"]) == ("answered", "extractive", True)


def test_without_agreement_a_provider_stops_the_start(confidential: Path, settings: Settings) -> None:
    choice = ModelChoice(model="stand-in", base_url=f"https://{AGREED}/v1")
    with pytest.raises(StartRefused, match=AGREED):
        check(settings.model_copy(update={"root": confidential, "model_chain": (choice,)}))
