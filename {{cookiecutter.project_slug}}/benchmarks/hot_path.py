"""CPU time of the API process per answer, compared with a bare pass-through to the same model server.

One API process with everything on (keys, row-level security, limits, screening, ledger, answers recorded, a tenth of
the traces exported, metrics, logs), 10,000 chunks, text search only, a stand-in for the provider without delay.
Run with `python -m benchmarks.hot_path`; two minutes. Close everything else: the load, the database and the
stand-in share the machine.
"""

import argparse
import asyncio
import math
import os
import random
import statistics
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import orjson
import psutil

from app.core.embedded import Urls
from app.retrieval.domain import Heading, PublishRequest
from app.settings import Settings
from app.wiring import State, build
from benchmarks.harness import arguments_of, environment_of, fresh_database, house, write
from benchmarks.load import Run, cpu_of, cpu_of_tree, post_all
from benchmarks.processes import PATIENCE, running

CHUNKS = 10_000
PER_DOCUMENT = 50
WORDS = 4000
PROMPT = "x" * 1500
PRICE = "stand-in: {input: 1, output: 2}"

Measured = tuple[Run, dict[str, float]]


async def main(answers: int, chunks: int, short: bool) -> None:
    # A high load average means that other processes were busy, and the rates below are too low.
    busy = round(os.getloadavg()[0], 1)
    with fresh_database() as urls, tempfile.TemporaryDirectory() as folder:
        home = house(Path(folder), PRICE, queue_seconds=30)  # a slow machine refuses nothing
        key, questions, postgres = await prepare(home, urls, chunks)
        result = await _measure(home, urls.service, key, questions, answers, postgres)
        write("hot_path", {"chunks": chunks, "load_of_others": busy, **result}, short)


async def prepare(
    home: Path, urls: Urls, chunks: int, roles: Sequence[str] = ("user",)
) -> tuple[str, list[str], psutil.Process]:
    """A key of a tenant with so many chunks, questions about them, and the process of the database."""
    settings = Settings(root=home, data_dir=home, embedder="none", _env_file=None)
    async with build(settings, urls) as state:
        tenant = await state.identity.ensure_tenant("bench")
        key = (await state.identity.create_key(tenant, "bench", roles)).text
        return key, await fill(state, tenant, chunks), await postmaster(state)


async def fill(state: State, tenant: UUID, chunks: int) -> list[str]:
    """Publish documents of generated words with a realistic frequency distribution, and return questions about them."""
    chance = random.Random(20)
    words = [_word(number) for number in range(WORDS)]
    weights = [1 / (n + 40) for n in range(WORDS)]
    questions = []
    for number in range(chunks // PER_DOCUMENT):
        text, headings = "", []
        for part in range(PER_DOCUMENT):
            sentences = [" ".join(chance.choices(words, weights, k=14)).capitalize() + "." for _ in range(9)]
            questions.append(" ".join(chance.sample(chance.choice(sentences).rstrip(".").split(), 6)) + "?")
            headings.append(Heading(2, f"Section {part}", len(text)))
            text += f"Section {part}\n\n{' '.join(sentences)}\n\n"
        request = PublishRequest(uuid4(), tenant, 1, f"Document {number}", "bench", f"{number}.md", text, headings)
        prepared = await state.retrieval.prepare(request)
        async with state.database.transaction(tenant) as connection:
            await state.retrieval.publish(connection, prepared)
    (counts,) = [count for row, _, count in await state.retrieval.list_indexes(tenant) if row.status == "live"]
    assert counts == chunks, f"{counts} chunks"
    chance.shuffle(questions)
    return questions


def _word(number: int) -> str:
    """A generated word, unique for each number."""
    letters = ""
    for _ in range(3):
        number, syllable = divmod(number, 60)
        letters += "bdfgklmnprtv"[syllable % 12] + "aeiou"[syllable // 12]
    return letters + "n"


async def postmaster(state: State) -> psutil.Process:
    async with state.database.pool.connection() as connection:
        pid = (await (await connection.execute("select pg_backend_pid()")).fetchone() or [0])[0]
    parent = psutil.Process(pid).parent()
    assert parent
    return parent


@dataclass(frozen=True)
class Load:
    port: int
    bodies: list[bytes]
    headers: list[str]
    watched: dict[str, psutil.Process]

    async def run(self, connections: int, max_per_second: float = math.inf) -> Measured:
        """The run, and CPU milliseconds per request of each watched process."""
        before = self._spent()
        run = await post_all(self.port, "/v1/answers", self.bodies, connections, self.headers, max_per_second)
        after = self._spent()
        assert not run.failed, f"{run.failed} requests failed"
        return run, {name: (after[name] - before[name]) * 1000 / len(self.bodies) for name in before}

    def _spent(self) -> dict[str, float]:
        return {
            name: cpu_of_tree(process) if name == "postgresql" else cpu_of(process)
            for name, process in self.watched.items()
        }


async def in_turns(one: Load, other: Load, connections: int, rounds: int) -> list[tuple[Measured, Measured]]:
    """Each goes first in every second round; the first round warms up."""
    pairs: list[tuple[Measured, Measured]] = []
    for number in range(rounds + 1):
        first, second = (one, other) if number % 2 else (other, one)
        results = {id(load): await load.run(connections) for load in (first, second)}
        if number:
            pairs.append((results[id(one)], results[id(other)]))
    return pairs


async def _measure(
    home: Path, url: str, key: str, questions: list[str], answers: int, postgres: psutil.Process
) -> dict[str, Any]:
    chosen = [questions[n % len(questions)] for n in range(answers)]
    async with collector() as traces, running("app.adapters.chat.standin") as (model, model_port):
        upstream = f"http://127.0.0.1:{model_port}/v1"
        environment = traced_environment(home, url, upstream, traces)
        async with (
            running("app", "serve", environment=environment) as (api, api_port),
            running("benchmarks.pass_through", "--upstream", upstream) as (floor, floor_port),
        ):
            await check(api_port, key, chosen[0])
            bodies = [orjson.dumps({"question": question}) for question in chosen]
            prompt = {"model": "m", "messages": [{"role": "user", "content": PROMPT}]}
            watched = {"api": api, "postgresql": postgres, "stand_in": model}
            service_load = Load(api_port, bodies, [f"authorization: Bearer {key}"], watched)
            bare = Load(floor_port, [orjson.dumps(prompt)] * answers, [], {"api": floor})
            return await _compare(service_load, bare)


def traced_environment(home: Path, url: str, model: str, traces: int) -> dict[str, str]:
    """As `environment_of`, with traces sent to the collector at this port."""
    endpoint = f"http://127.0.0.1:{traces}/v1/traces"
    return environment_of(home, url, model) | {"APP_TRACES": "otlp", "APP_OTLP_ENDPOINT": endpoint}


async def _compare(service_load: Load, bare: Load) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for connections in (16, 1):
        # The first run of each warms up caches, pools and the processor.
        rounds = []
        for number in range(4):
            floor, floor_cpu = await bare.run(connections)
            run, cpu = await service_load.run(connections)
            if number:
                rounds.append((run, cpu, floor, floor_cpu))
        result[f"connections_{connections}"] = _summary(rounds)
    return result


def _summary(rounds: list[tuple[Run, dict[str, float], Run, dict[str, float]]]) -> dict[str, Any]:
    def middle(values: list[float]) -> float:
        return round(statistics.median(values), 3)

    # A short run may be over within one tick of the CPU clock.
    ratios = [cpu["api"] / max(floor_cpu["api"], 0.001) for _, cpu, _, floor_cpu in rounds]
    p50, p99 = middle([run.ms(0.5) for run, *_ in rounds]), middle([run.ms(0.99) for run, *_ in rounds])
    return {
        "api_cpu_ms": middle([cpu["api"] for _, cpu, _, _ in rounds]),
        "pass_through_cpu_ms": middle([cpu["api"] for _, _, _, cpu in rounds]),
        "ratio": middle(ratios),
        "postgresql_cpu_ms": middle([cpu["postgresql"] for _, cpu, _, _ in rounds]),
        "stand_in_cpu_ms": middle([cpu["stand_in"] for _, cpu, _, _ in rounds]),
        "answers_per_second": middle([run.per_second for run, *_ in rounds]),
        "pass_through_per_second": middle([run.per_second for _, _, run, _ in rounds]),
        "p50_ms": p50,
        "p99_ms": p99,
        "p99_to_p50": round(p99 / p50, 2),
    }


@asynccontextmanager
async def collector() -> AsyncIterator[int]:
    """An OTLP collector that discards the traces."""

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]
                await reader.readexactly(int(length))
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def check(port: int, key: str, question: str) -> None:
    """Assert that the service returns a cited answer of the model and records it."""
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {key}"}, timeout=PATIENCE) as client:
        reply = await client.post(f"http://127.0.0.1:{port}/v1/answers", json={"question": question})
    answer = reply.json()
    assert answer["model"] == "stand-in", answer
    assert answer["citations"], answer
    assert not answer["degraded"], answer


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--answers", type=int, default=1500)
    parser.add_argument("--chunks", type=int, default=CHUNKS)
    options = arguments_of(parser)
    asyncio.run(main(*((20, PER_DOCUMENT) if options.short else (options.answers, options.chunks)), options.short))
