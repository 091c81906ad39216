"""kill -9 of an API process, the worker, the database or the proxy at 100 random moments under load: nothing is lost.

Two API processes behind Caddy with the shipped Caddyfile (without it, where it is not installed, callers take turns),
a worker and a database of their own. Callers ask and upload with idempotency keys, and repeat what failed. Afterwards
every request must have had its effect once: an answer, a published document, a charge.
Run with `python -m benchmarks.kill_stack [--seed N] [--kills N]`. Ten minutes.
"""

import asyncio
import contextlib
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
from sqlalchemy import text

from app.adapters.chat.standin import Fault, StandIn
from app.core.background import background
from app.core.embedded import EmbeddedPostgres, start_embedded
from app.core.logging import configure_logging
from app.core.schema import migrate
from app.settings import Settings
from app.wiring import State, build
from benchmarks.harness import ROOT, arguments_of, environment_of, house, seeded, write
from benchmarks.kill_budget import PRICE, QUESTION, TEXT, settled
from benchmarks.kill_ingest import kill_server, unfinished
from benchmarks.processes import ANY_PORT, PATIENCE, SILENCE, free_port, kill

KILLS = 100
ASKERS, UPLOADERS = 6, 2
LONGEST_CALM = 1.5
ANSWER_P95_MS = 5_000
"""As long the idempotency key of a request whose process was killed is refused."""
CADDY = shutil.which("caddy")

PUBLISHED = """
    select d.uri, count(*) filter (where v.status = 'published') from documents d
    join document_versions v on v.document_id = d.id group by 1
"""


@dataclass
class Stack:
    """The processes of a deployment, each started again at once when it was killed."""

    home: Path
    environment: Mapping[str, str]
    server: EmbeddedPostgres
    apis: Mapping[str, int] = field(default_factory=lambda: {"api-1": free_port(), "api-2": free_port()})
    proxy: int = field(default_factory=free_port)
    processes: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        return [*self.apis, "worker", *(["proxy"] if CADDY else [])]

    def addresses(self) -> list[str]:
        """Where callers reach the service."""
        ports = [self.proxy] if CADDY else list(self.apis.values())
        return [f"http://127.0.0.1:{port}" for port in ports]

    def start(self, name: str) -> None:
        environment = {**self.environment}
        if name == "proxy":
            command = [str(CADDY), "run", "--config", str(ROOT / "deploy" / "proxy" / "Caddyfile")]
            addresses = {f"API_{number}": f"127.0.0.1:{port}" for number, port in enumerate(self.apis.values(), 1)}
            folders = {"XDG_DATA_HOME": str(self.home), "XDG_CONFIG_HOME": str(self.home)}
            environment |= addresses | folders | {"SITE": self.addresses()[0]}
        elif name == "worker":
            command = [sys.executable, "-m", "app", "worker"]
        else:
            command = [sys.executable, "-m", "app", "serve", "--port", str(self.apis[name])]
        self.processes[name] = subprocess.Popen(
            command, env=environment, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def kill(self, name: str) -> None:
        if name == "database":
            kill_server(self.server)  # `keep_running` starts it again
            return
        if port := {**self.apis, "proxy": self.proxy}.get(name):
            kill(self.processes[name], port)
        else:
            self.processes[name].kill()
            self.processes[name].wait()
        self.start(name)

    async def ready(self) -> None:
        """Waits until every process serves, seen from outside. The worker is not asked: its jobs end or do not."""
        until = time.monotonic() + PATIENCE
        paths = [f"http://127.0.0.1:{port}/health/ready" for port in self.apis.values()]
        async with httpx.AsyncClient() as client:
            for path in [*paths, *(f"{each}/v1/models" for each in self.addresses())]:
                while not await _served(client, path):
                    if time.monotonic() > until:
                        raise RuntimeError(f"{path} is not served")
                    await asyncio.sleep(0.05)

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        for name in self.names:
            self.start(name)
        try:
            yield
        finally:
            for process in self.processes.values():
                process.kill()
                process.wait()


async def _served(client: httpx.AsyncClient, path: str) -> bool:
    with contextlib.suppress(httpx.HTTPError):
        return (await client.get(path)).status_code < 500
    return False


@dataclass
class Callers:
    """Callers that repeat a request under its idempotency key until it is accepted."""

    addresses: list[str]
    key: str
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    accepted: Counter[str] = field(default_factory=Counter)
    repeated: Counter[str] = field(default_factory=Counter)
    answers: set[str] = field(default_factory=set)
    uris: list[str] = field(default_factory=list)

    async def ask(self) -> None:
        while not self.stop.is_set():
            reply = await self.until_accepted(
                lambda client, headers: client.post("/v1/answers", json={"question": QUESTION}, headers=headers)
            )
            self.accepted["answers"] += 1
            self.answers.add(reply.json()["id"])

    async def upload(self) -> None:
        while not self.stop.is_set():
            uri = f"{uuid4().hex}.md"
            await self.upload_page(uri, f"# Page {uri}\n\nThe mark of this page is {uri}.\n")
            self.accepted["documents"] += 1
            self.uris.append(uri)
            await asyncio.sleep(0.3)

    async def upload_page(self, uri: str, page: str) -> None:
        files = {"files": (uri, page.encode(), "text/markdown")}
        await self.until_accepted(lambda client, headers: client.post("/v1/documents", files=files, headers=headers))

    async def until_accepted(
        self, send: Callable[[httpx.AsyncClient, dict[str, str]], Awaitable[httpx.Response]]
    ) -> httpx.Response:
        headers, tries = {"Idempotency-Key": uuid4().hex}, 0
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            address = self.addresses[tries % len(self.addresses)]
            tries += 1
            authorization = {"Authorization": f"Bearer {self.key}"}
            try:
                async with httpx.AsyncClient(base_url=address, headers=authorization, timeout=30) as client:
                    reply = await send(client, headers)
            except httpx.HTTPError as error:
                self.repeated[type(error).__name__] += 1
            else:
                if reply.status_code < 300:
                    return reply
                self.repeated[str(reply.status_code)] += 1
                if reply.status_code < 500 and reply.status_code not in (409, 429):
                    raise RuntimeError(reply.text)
            await asyncio.sleep(0.1)
        raise RuntimeError("a request is not accepted")


async def main(seed: int, kills: int, short: bool) -> None:
    configure_logging("ERROR", "console")
    print(f"seed {seed}", flush=True)
    chance = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        home = house(Path(folder), PRICE, ANSWER_P95_MS)
        server = start_embedded(home)
        urls = server.urls()
        migrate(urls.owner, urls.service, ROOT)
        settings = Settings(root=home, data_dir=home, embedder="none", _env_file=None)
        async with (
            StandIn(model="stand-in") as model,
            build(settings, urls) as state,
            background(server.keep_running),
        ):
            model.always = Fault(pieces=(TEXT[:-1], " [1]."), pause=0.02)
            tenant = await state.identity.ensure_tenant("bench")
            key = (await state.identity.create_key(tenant, "bench", ["admin"])).text
            stack = Stack(home, ANY_PORT | environment_of(home, urls.service, model.url), server)
            callers = Callers(stack.addresses(), key)
            with stack.running():
                await stack.ready()
                killed = await storm(stack, callers, chance, kills)
                await _drain(state, stack, tenant)
            result = await count(state, tenant, callers)
        server.stop()
    shown = {"seed": seed, "proxy": bool(CADDY), "kills": killed, "repeated": dict(callers.repeated)}
    write("kill_stack", shown | result, short)
    if any(result["lost"].values()) or any(result["doubled"].values()) or result["money"] != NO_DIFFERENCE:
        sys.exit("Something was lost or doubled.")


async def storm(stack: Stack, callers: Callers, chance: random.Random, kills: int) -> dict[str, int]:
    """Kill one process after the other, under load; how often each was."""
    await callers.upload_page("tower.md", f"# Tower\n\n{TEXT}\n")
    await _found(callers)
    calling = [*(callers.ask() for _ in range(ASKERS)), *(callers.upload() for _ in range(UPLOADERS))]
    killed: Counter[str] = Counter()
    async with asyncio.TaskGroup() as group:
        for each in calling:
            group.create_task(each)
        for number in range(kills):
            await asyncio.sleep(chance.uniform(0.0, LONGEST_CALM))
            name = chance.choice([*stack.names, "database"])
            stack.kill(name)
            killed[name] += 1
            await stack.ready()
            if number % 10 == 9:
                print(f"kill {number + 1}: {dict(callers.accepted)}", flush=True)
        callers.stop.set()
    return dict(sorted(killed.items()))


async def _found(callers: Callers) -> None:
    """Waits until the passage that answers the question is indexed."""
    while True:
        reply = await callers.until_accepted(
            lambda client, headers: client.post("/v1/search", json={"query": QUESTION}, headers=headers)
        )
        if reply.json()["passages"]:
            return
        await asyncio.sleep(0.2)


async def _drain(state: State, stack: Stack, tenant: UUID) -> None:
    """Lets the worker finish; jobs of those that were killed are taken over at once."""
    async with state.database.transaction(None) as connection:
        await connection.execute(text(SILENCE))
    stack.kill("worker")
    until = time.monotonic() + PATIENCE
    while await unfinished(state, tenant) and time.monotonic() < until:  # noqa: ASYNC110
        await asyncio.sleep(0.2)


NO_DIFFERENCE = {"uncharged": 0, "charged_twice": 0, "left_held": 0, "difference_micro_usd": 0}


async def count(state: State, tenant: UUID, callers: Callers) -> dict[str, Any]:
    """What the database has, beside what callers were promised."""
    counted = await settled(state, tenant)
    async with state.database.transaction(tenant) as connection:
        published = {row[0].rpartition("/")[2]: row[1] for row in await connection.execute(text(PUBLISHED))}
        stored = {str(row[0]) for row in await connection.execute(text("select id from answers"))}
    return {
        "accepted": dict(callers.accepted),
        "lost": {
            "answers": len(callers.answers - stored),
            "documents": sum(published.get(uri, 0) == 0 for uri in callers.uris),
        },
        "doubled": {
            "answers": counted["answers"] - callers.accepted["answers"],
            "documents": sum(published.get(uri, 0) > 1 for uri in callers.uris),
        },
        "money": {name: counted[name] for name in NO_DIFFERENCE},
    }


if __name__ == "__main__":
    parser = seeded(__doc__)
    parser.add_argument("--kills", type=int, default=KILLS)
    options = arguments_of(parser)
    asyncio.run(main(options.seed, 1 if options.short else options.kills, options.short))
