"""One value of a policy or a setting, and what the built service does with and without it."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID, uuid4

import httpx

from app.adapters.chat.standin import StandIn
from app.core.clock import Clock
from app.core.embedded import Urls
from app.wiring import State
from benchmarks.harness import work_off
from tests.fields.conftest import Changed, called, merged
from tests.inference.conftest import BRIDGE, TOWER

WHO = "Who built the lighthouse of Karlen?"
PRICES = {"stand-in": {"input": 1, "output": 2}, "stand-by": {"input": 0.01, "output": 0.02}}
ROLES = ("admin", "service", "reviewer", "operator")
Json = dict[str, Any]


@dataclass
class Running:
    """A built service, a client with every permission of its tenant, and its models."""

    state: State
    client: httpx.AsyncClient
    tenant: UUID
    models: tuple[StandIn, ...] = ()

    @property
    def model(self) -> StandIn:
        return self.models[0]

    async def post(self, path: str, **body: Any) -> Json:
        return dict((await self.client.post(path, json=body)).json())

    async def get(self, path: str, **query: Any) -> Any:
        return (await self.client.get(path, params=query)).json()

    async def ask(self, question: str = WHO, **body: Any) -> Json:
        return await self.post("/v1/answers", question=question, **body)

    async def chat(self, question: str = WHO, system: str = "", **body: Any) -> Json:
        messages = [{"role": "system", "content": system}] if system else []
        return await self.post(
            "/v1/chat/completions",
            model="stand-in",
            messages=[*messages, {"role": "user", "content": question}],
            **body,
        )

    async def upload(self, text: str, name: str = "note.md", **form: Any) -> Json:
        """The document after its processing, or the problem."""
        sent = await self.client.post("/v1/documents", files={"files": (name, text.encode())}, data=form)
        if sent.status_code != 202:
            return dict(sent.json())
        await work_off(self.state)
        return dict(await self.get(f"/v1/documents/{sent.json()['items'][0]['id']}"))

    async def elsewhere(self, probe: "Probe") -> Any:
        """What the probe finds for a new tenant, which has no documents."""
        tenant = await self.state.identity.ensure_tenant(uuid4().hex)
        async with called(self.state, *ROLES, tenant=tenant) as client:
            return await probe(replace(self, client=client, tenant=tenant))

    async def rows(self, sql: str) -> list[tuple[Any, ...]]:
        async with self.state.database.pipeline(self.tenant) as connection:
            return await (await connection.execute(sql)).fetchall()


Probe = Callable[[Running], Awaitable[Any]]


@dataclass(frozen=True)
class Value:
    """field: a dotted path in a policy, or a variable of the environment. without, with_it: what the probe finds
    without the value and with it. given: policies of both services.
    """

    field: str
    value: Any
    probe: Probe
    without: Any
    with_it: Any
    given: Mapping[str, Any] = field(default_factory=dict)
    models: int = 1
    host: str = "127.0.0.1"

    @property
    def policies(self) -> Json:
        """A value within a list or a mapping is given as all that its policy gets."""
        path = self.field.partition(".")[0] if "*" in self.field else self.field
        return merged(dict(self.given), nested(path, self.value))


def ids(values: list[Value]) -> list[str]:
    return [each.field for each in values]


def nested(path: str, value: Any) -> Json:
    for name in reversed(path.split(".")):
        value = {name: value}
    return dict(value)


@dataclass
class Bench:
    """Runs probes on services of one database. models: stand-ins, of which a service gets as many as its value says."""

    changed: Changed
    models: tuple[StandIn, ...]
    tenant: UUID | None = None
    plain: Running | None = None
    """As nobody has changed it, on a database of its own."""
    without: dict[object, Any] = field(default_factory=dict)

    @asynccontextmanager
    async def running(
        self,
        policies: Mapping[str, Any],
        models: int = 1,
        clock: Clock | None = None,
        host: str = "127.0.0.1",
        urls: Urls | None = None,
        **variables: str,
    ) -> AsyncIterator[Running]:
        used = self.models[:models]
        options = {"idle_seconds": 100, "timeout_seconds": 600}
        chain = [{"model": each.model, "base_url": each.url.replace("127.0.0.1", host), **options} for each in used]
        with_chain = {"APP_MODEL_CHAIN": json.dumps(chain), **variables}
        all_policies = merged({"cost": {"prices": PRICES}}, dict(policies))
        async with self.changed(with_chain, clock, urls=urls, **all_policies) as state:
            tenant = await state.identity.ensure_tenant("of-the-bench")
            async with called(state, *ROLES, tenant=tenant) as client:
                made = Running(state, client, tenant, used)
                if urls or self.tenant is None:
                    await made.upload(TOWER, "tower.md")
                    await made.upload(BRIDGE, "bridge.md")
                self.tenant = tenant
                yield made

    async def found(self, value: Value) -> tuple[Any, Any]:
        """What the probe finds without the value and with it. What it finds without is looked for once."""
        key = (value.probe, repr(value.given), value.models, value.host)
        if key not in self.without:
            self.without[key] = await self._without(value)
        async with self.running(value.policies, value.models, host=value.host) as service:
            return self.without[key], await self.probed(value.probe, service)

    async def _without(self, value: Value) -> Any:
        if self.plain and (value.given, value.models, value.host) == ({}, 1, "127.0.0.1"):
            return await self.probed(value.probe, self.plain)
        async with self.running(value.given, value.models, host=value.host) as service:
            return await self.probed(value.probe, service)

    async def probed(self, probe: Probe, service: Running) -> Any:
        for each in self.models:
            each.calls.clear()
            each.faults.clear()
            each.always, each.mind, each.confidence = None, None, 0.9
        return await probe(service)
