"""Two API processes under load through 20 activations, canaries and rollbacks: does any request fail, does any answer
mix two releases, and how long after the commit does the last answer of the old release end?

16 connections, each a conversation, send questions without a pause; switches happen at random moments. `lag_ms` is the
time from the commit to the end of the last answer on a release that its conversation no longer belongs to; an answer in
flight ends on the release it began with, and counts.
Run with `python -m benchmarks.release_switching [--answers N] [--seed N]`. Two minutes.
"""

import argparse
import asyncio
import random
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any
from uuid import UUID, uuid4

import orjson

from app.core.background import background
from app.core.database import listen
from app.core.logging import configure_logging
from app.identity.domain import Principal
from app.releases.domain import ENVIRONMENT_CHANGED, EnvironmentReleases, EvaluationEvidence, Release
from app.retrieval.domain import PublishRequest
from app.settings import Settings
from app.wiring import State, build
from benchmarks.harness import ROOT, arguments_of, fresh_database, write
from benchmarks.measures import percentile
from benchmarks.processes import running

CONNECTIONS = 16
MOVES = 20
POLL_OF_REGISTRIES_SECONDS = 60
TEXT = "The lighthouse of Karlen stands on a cliff. It was built in 1874 by the engineer Marta Holm."
QUESTION = "Who built the lighthouse of Karlen?"


@dataclass(frozen=True)
class Reply:
    """One answer: its start and end (monotonic seconds), its conversation and its release."""

    began: float
    ended: float
    unit: str
    id: str
    release_id: str


@dataclass
class Watched:
    """Replies and switches in order of time."""

    replies: list[Reply] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    commits: list[float] = field(default_factory=list)
    live_releases: list[tuple[float, EnvironmentReleases]] = field(default_factory=list)
    stop: asyncio.Event = field(default_factory=asyncio.Event)


async def main(answers: int, seed: int, short: bool) -> None:
    configure_logging("ERROR", "console")
    print(f"seed {seed}", flush=True)
    with fresh_database() as urls:
        with tempfile.TemporaryDirectory() as folder:
            settings = Settings(root=ROOT, data_dir=Path(folder), embedder="none", _env_file=None)
            async with build(settings, urls) as state:
                moves, calm = (4, 0.05) if short else (MOVES, 1.0)
                result = await measure(state, urls.service, folder, answers, moves, calm, random.Random(seed))
        write("release_switching", {"seed": seed, **result}, short)


async def measure(
    state: State, url: str, folder: str, answers: int, moves: int, calm: float, generator: random.Random
) -> dict[str, Any]:
    tenant = await state.identity.ensure_tenant("bench")
    key = (await state.identity.create_key(tenant, "bench", ["user"])).text
    await publish(state, tenant)
    await state.environments.resolve()
    environment = {
        "DATABASE_URL": url,
        "APP_ROOT": str(ROOT),
        "APP_DATA_DIR": folder,
        "APP_EMBEDDER": "none",
        "APP_LOG_LEVEL": "ERROR",
    }
    watched = Watched()

    async def on_change(payload: str) -> None:
        if payload:
            watched.commits.append(time.perf_counter())

    async with AsyncExitStack() as stack:
        ports = []
        for _ in range(2):
            _, port = await stack.enter_async_context(running("app", "serve", environment=environment))
            ports.append(port)
        await stack.enter_async_context(background(partial(listen, state.database, ENVIRONMENT_CHANGED, on_change)))
        asking = [asyncio.create_task(converse(ports[n % 2], key, tenant, n, watched)) for n in range(CONNECTIONS)]
        await asyncio.sleep(1.5 * calm)
        await switch_releases(state, watched, moves, calm, generator)
        while len(watched.replies) < answers:  # noqa: ASYNC110
            await asyncio.sleep(0.2)
        watched.stop.set()
        await asyncio.gather(*asking)
    return await analyse(state, tenant, watched, moves)


async def publish(state: State, tenant: UUID) -> None:
    prepared = await state.retrieval.prepare(PublishRequest(uuid4(), tenant, 1, "Tower", "bench", "tower.md", TEXT))
    async with state.database.transaction(tenant) as connection:
        await state.retrieval.publish(connection, prepared)


async def converse(port: int, key: str, tenant: UUID, number: int, watched: Watched) -> None:
    """Send the questions of one conversation one after the other over one connection."""
    talk = f"talk {number}"
    body = orjson.dumps({"question": QUESTION, "conversation": talk})
    head = f"POST /v1/answers HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\n"
    request = f"{head}content-length: {len(body)}\r\n\r\n".encode() + body
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while not watched.stop.is_set():
        began = time.perf_counter()
        writer.write(request)
        try:
            header = await reader.readuntil(b"\r\n\r\n")
            length = int(header.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            content = await reader.readexactly(length)
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            watched.failed.append(type(error).__name__)
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            continue
        ended = time.perf_counter()
        if not header.startswith(b"HTTP/1.1 200"):
            watched.failed.append(content.decode()[:200])
            continue
        answer = orjson.loads(content)
        watched.replies.append(Reply(began, ended, f"{tenant}:{talk}", answer["id"], answer["release_id"]))
    writer.close()


async def switch_releases(state: State, watched: Watched, moves: int, calm: float, generator: random.Random) -> None:
    """Repeat: activate a release, start a canary with another, activate the canary, roll back.

    calm: a factor for the time between two switches.
    """
    rollouts = state.rollouts
    note(state, watched)
    for round_ in range(moves // 4):
        steps: list[Callable[[], Awaitable[object]]] = []
        one, other = await approved(state, round_ * 2), await approved(state, round_ * 2 + 1)
        steps = [
            lambda one=one: rollouts.activate("bench", one.id, "better"),  # type: ignore[misc]
            lambda other=other: rollouts.start_canary("bench", other.id, generator.choice([20, 50, 80]), "carefully"),  # type: ignore[misc]
            lambda other=other: rollouts.activate("bench", other.id, "proved"),  # type: ignore[misc]
            lambda: rollouts.rollback("bench", "worse after all"),
        ]
        for step in steps:
            await asyncio.sleep(generator.uniform(0.7, 2.0) * calm)
            await step()
            note(state, watched)


def note(state: State, watched: Watched) -> None:
    watched.live_releases.append((time.perf_counter(), state.environments.served()))


async def approved(state: State, number: int) -> Release:
    changes = {"refusal.words": 0.2 + number / 1000}
    release = await state.releases.create("author", base=state.environments.current().id, changes=changes)
    async with state.database.transaction(None) as connection:
        await state.releases.mark_evaluated(connection, release.id, "bench", EvaluationEvidence("0" * 64, "PASS"))
    for name in ("approver", "second approver"):  # risk tier high asks for two
        approver = Principal(UUID(int=0), UUID(int=0), name, frozenset({"service"}))
        await state.approvals.approve(approver, release.id, "a benchmark")
    return release


async def analyse(state: State, tenant: UUID, watched: Watched, moves: int) -> dict[str, Any]:
    assert len(watched.commits) == moves, f"{len(watched.commits)} switches were notified"
    lags, late = [], 0
    for number, committed in enumerate(watched.commits):
        until = watched.commits[number + 1] if number + 1 < moves else float("inf")
        standing = watched.live_releases[number + 1][1]
        after = [reply for reply in watched.replies if committed < reply.ended < until]
        old = [reply.ended - committed for reply in after if standing.assign(reply.unit)[0].id != reply.release_id]
        lags.append(max(old, default=0.0))
        late += sum(1 for reply in after if reply.began > committed + 1 and reply.ended - committed in old)
    return {
        "answers": len(watched.replies),
        "failed": len(watched.failed),
        "first_failures": watched.failed[:3],
        "moves": moves,
        "lag_ms": {
            "median": round(median(lags) * 1000, 1),
            "p99": round(percentile(lags, 0.99) * 1000, 1),
            "all": [round(lag * 1000, 1) for lag in lags],
        },
        "median_lag_as_share_of_a_poll_of_60_s": round(median(lags) / POLL_OF_REGISTRIES_SECONDS, 6),
        "answers_on_the_old_release_begun_over_a_second_later": late,
        **await accounted(state, tenant, watched),
    }


async def accounted(state: State, tenant: UUID, watched: Watched) -> dict[str, Any]:
    """Assert that every answer and its cost are stored once, on the release that the reply named."""
    query = """
        select a.id::text, a.release_id, count(l.id), bool_and(l.release_id = a.release_id)
        from answers a join ledger l on l.tenant_id = a.tenant_id and l.subject_id = a.id group by 1, 2
    """
    async with state.database.pipeline(tenant) as connection:
        cursor = await connection.execute(query)
    stored = {row[0]: row[1:] for row in await cursor.fetchall()}
    one = sum(1 for reply in watched.replies if stored.get(reply.id) == (reply.release_id, 1, True))
    return {"answers_on_exactly_one_release": one, "releases_seen": len({r.release_id for r in watched.replies})}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--answers", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=20261122)
    options = arguments_of(parser)
    asyncio.run(main(100 if options.short else options.answers, options.seed, options.short))
