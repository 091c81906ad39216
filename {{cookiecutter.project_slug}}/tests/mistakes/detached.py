"""A built service whose controls can be detached by wiring, one at a time, while its code stays as it is."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID, uuid4

import httpx
from fastapi import FastAPI

from app.adapters.chat.standin import Fault, StandIn
from app.costs.domain.budgets import Hold
from app.inference.service.loaded_release import LoadedRelease
from app.llm.service import GuardedModel
from app.main import create_app
from app.wiring import State
from benchmarks.harness import work_off
from tests.conftest import override

WHO = "Who built the lighthouse of Karlen?"
DIFFERENT = "How many whales were seen off Peru in 1901?"


@dataclass
class World:
    """A service, its model, and a key of one tenant. only, jobs_of, alone: the rooms that a process is for."""

    state: State
    model: StandIn
    tenant: UUID
    key: str
    detached: ExitStack = field(default_factory=ExitStack)
    app: FastAPI | None = None
    only: str | None = None
    jobs_of: str | None = "review"
    alone: str | None = "ingestion"

    @contextmanager
    def restored(self) -> Iterator[None]:
        """At its end everything is wired as before."""
        try:
            yield
        finally:
            self.detached.close()
            self.app = None
            self.model.faults.clear()

    def put(self, target: object, **values: object) -> None:
        """Other values in a wired object, until the end of the block."""
        before = {name: getattr(target, name) for name in values}
        override(target, **values)
        self.detached.callback(override, target, **before)

    @property
    def loaded(self) -> LoadedRelease:
        return self.state.answers.loaded_releases.by_id[self.state.environments.current().id]

    @property
    def guarded(self) -> GuardedModel:
        return self.loaded.chain.models[0]

    def serve(self, **changes: Any) -> None:
        """Other parts of the live release."""
        by_id, before = self.state.answers.loaded_releases.by_id, self.loaded
        by_id[before.release.id] = replace(before, **changes)
        self.detached.callback(by_id.__setitem__, before.release.id, before)

    def without(self, middleware: type) -> None:
        self.app = create_app(self.state)
        self.app.user_middleware = [each for each in self.app.user_middleware if each.cls is not middleware]

    def client(self, key: str | None = None) -> httpx.AsyncClient:
        app = self.app or create_app(self.state, self.only)
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        headers = {"Authorization": f"Bearer {key or self.key}"}
        return httpx.AsyncClient(transport=transport, base_url="http://service", headers=headers)

    async def call(self, method: str, path: str, **more: Any) -> httpx.Response:
        async with self.client() as client:
            return await client.request(method, path, **more)

    async def ask(self, question: str = WHO, **body: Any) -> dict[str, Any]:
        reply = await self.call("POST", "/v1/answers", json={"question": question, **body})
        return dict(reply.json())

    async def upload(self, text: str, source: str = "uploads") -> str:
        """What becomes of a document."""
        files = {"files": (f"{uuid4().hex}.md", text.encode())}
        sent = await self.call("POST", "/v1/documents", files=files, data={"source": source})
        await work_off(self.state)
        document = sent.json()["items"][0]["id"]
        return str((await self.call("GET", f"/v1/documents/{document}")).json()["status"])

    async def fails(self, *faults: Fault) -> None:
        self.model.calls.clear()
        self.model.faults.clear()
        self.model.faults.extend(faults)


@dataclass
class NoReservations:
    """Stands where reservations are made, and lets everybody spend."""

    async def hold(self, tenant_id: UUID, micro_usd: int, *, seconds: float = 0) -> Hold | None:
        return None

    def count(self, settled: object) -> None: ...


class OpenGate:
    """An approval gate that lets everything through."""

    async def check(self, *_: object, **__: object) -> None: ...

    async def first_release(self, *_: object) -> None: ...


Promise = Callable[[World], Awaitable[bool]]
Detach = Callable[[World], object]


@dataclass(frozen=True)
class Control:
    """promise: whether what is promised about this mistake is kept. detach: takes the control out of the wiring.

    prepare: wires what the promise is about, where the shipped policies leave it out.
    """

    mistake: int
    name: str
    promise: Promise
    detach: Detach
    prepare: Detach = lambda _: None


async def opened(state: State, model: StandIn) -> World:
    tenant = await state.identity.ensure_tenant(f"tenant-{uuid4().hex}")
    key = (await state.identity.create_key(tenant, "asker", ["admin", "operator", "reviewer"])).text
    return World(state, model, tenant, key)
