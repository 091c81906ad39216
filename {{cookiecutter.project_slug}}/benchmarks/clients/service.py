"""The service that the clients talk to: a real server, a model that answers over HTTP, two documents and two keys."""

import asyncio
import json
import re
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from app.adapters.chat.choice import ModelChoice
from app.adapters.chat.standin import StandIn, reply_to
from app.core.logging import configure_logging
from app.core.server import make_server
from app.main import create_app
from app.retrieval.domain import PublishRequest
from app.settings import Settings
from app.wiring import State, build
from benchmarks.harness import ROOT, fresh_database, house

PRICES = "stand-in: {input: 1, output: 2}"
TEXTS = {
    "https://docs.example.org/lighthouse": (
        "The lighthouse of Karlen was built in 1874 by the engineer Marta Holm. Its lamp is seen from 32 kilometres."
    ),
    "bridge.md": "The bridge over the Sarn was opened to traffic in 1931. Its main span measures 410 metres.",
}


@dataclass(frozen=True)
class Served:
    """key: of a user. poor: a user's key of a tenant without a budget. admin: of an admin with the role service.
    roles: a key for each role.
    """

    url: str
    key: str
    poor: str
    admin: str
    roles: dict[str, str]


@asynccontextmanager
async def served() -> AsyncIterator[Served]:
    configure_logging("WARNING", "json")
    with fresh_database() as urls, tempfile.TemporaryDirectory() as folder:
        root, data = house(Path(folder) / "root", PRICES), Path(folder) / "data"
        shutil.copytree(ROOT / "evals", root / "evals")
        cost = root / "policies" / "cost.yaml"  # without money the answer is an error, not a quotation
        cost.write_text(re.sub(r"(at_limit:).*", r"\1 []", cost.read_text()))
        async with StandIn(model="stand-in", mind=_mind) as model:
            chain = (ModelChoice(model=model.model, base_url=model.url),)
            settings = Settings(root=root, data_dir=data, model_chain=chain, embedder="none", _env_file=None)
            async with build(settings, urls) as state:
                release = await state.releases.create("clients")
                await state.rollouts.activate("clients", release.id, "clients are run", break_glass=True)
                async with _server(state) as url:
                    yield await _furnish(state, url)


BUILT = "The lighthouse of Karlen was built in 1874 by the engineer Marta Holm [1]."
GIVEN = {"name": "Marta Holm", "place": "Karlen"}
"""What the model gives for arguments of these names."""


def _mind(body: dict[str, Any]) -> str | dict[str, Any]:
    """As a model that can write objects and call tools: the builder, where the request asks for one; a call of each
    tool of the client, and then an answer with its results.
    """
    if body.get("response_format"):
        return '{"name": "Marta Holm"}'
    results = [str(each["content"]) for each in body["messages"] if each["role"] == "tool"]
    if results:
        return " ".join((BUILT, *results))
    if tools := [each["function"] for each in body.get("tools", ())]:
        return {"content": None, "tool_calls": [_call(tool, place) for place, tool in enumerate(tools)]}
    return reply_to(body)


def _call(tool: dict[str, Any], place: int) -> dict[str, Any]:
    arguments = {name: GIVEN[name] for name in tool["parameters"].get("properties", {})}
    function = {"name": tool["name"], "arguments": json.dumps(arguments)}
    return {"id": f"call-{place}", "type": "function", "function": function}


@asynccontextmanager
async def _server(state: State) -> AsyncIterator[str]:
    app = create_app(state)
    server = make_server(app, "127.0.0.1", 0, state.settings.server_limits(), app.state.admission)
    serving = asyncio.ensure_future(server.serve())
    while not server.started:  # noqa: ASYNC110, uvicorn has no event for it
        await asyncio.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving


async def _furnish(state: State, url: str) -> Served:
    tenant, other = [await state.identity.ensure_tenant(name) for name in ("clients", "poor")]
    for each in (tenant, other):
        await _publish(state, each)
    key, poor = [(await state.identity.create_key(each, "client", ["user"])).text for each in (tenant, other)]
    await state.costs.budgets.set("clients", other, "day", 0, "a client is to be refused")
    admin = (await state.identity.create_key(tenant, "admin", ["admin", "service"])).text
    roles = {
        role: (await state.identity.create_key(tenant, role, [role])).text for role in ("admin", "user", "service")
    }
    return Served(url, key, poor, admin, roles)


async def _publish(state: State, tenant: UUID) -> None:
    for uri, text in TEXTS.items():
        request = PublishRequest(uuid4(), tenant, 1, uri.rpartition("/")[2], "clients", uri, text)
        prepared = await state.retrieval.prepare(request)
        async with state.database.transaction(tenant) as connection:
            await state.retrieval.publish(connection, prepared)
