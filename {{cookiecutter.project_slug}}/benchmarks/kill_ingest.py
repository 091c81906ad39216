"""kill -9 of the worker at 50 random moments of an ingestion of 200 documents, and of the embedded server 5 times.

Every document must end published once or quarantined once, with the same chunks as in an undisturbed run.
Run with `python -m benchmarks.kill_ingest [--seed N]`. Six minutes.
"""

import asyncio
import contextlib
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import text

from app.core.background import background
from app.core.embedded import EmbeddedPostgres, start_embedded
from app.core.errors import Problem
from app.core.logging import configure_logging
from app.core.schema import migrate
from app.identity.domain import Principal
from app.ingestion.domain.documents import Upload, UploadOptions
from app.settings import Settings
from app.wiring import State, build
from benchmarks.harness import ROOT, arguments_of, rows, seeded, work_off, write
from benchmarks.processes import SILENCE, WorkerPool

EVERY_TENTH_IS_BAD = 10
WORKERS = 3
PATIENCE = 300.0


@dataclass(frozen=True)
class Size:
    documents: int = 200
    worker_kills: int = 50
    server_kills: int = 5
    longest_calm: float = 2.5
    waits_for_silence: bool = True
    """Whether the last workers run until the heartbeats of the killed ones expire; otherwise another takes over."""


SHORT = Size(12, 1, 1, 1.0, waits_for_silence=False)

CHUNKS = """
    select d.uri, c.ordinal, c.start_at, c.end_at, c.headings, c.text from chunks c
    join documents d on d.id = c.document_id where c.gone is null order by 1, 2
"""
ENDS = """
    select d.uri, v.status, d.live_version,
        (select count(*) from quarantine q where q.document_id = d.id) as held,
        (select count(*) from document_versions p where p.document_id = d.id and p.status = 'published') as published
    from documents d join document_versions v on v.document_id = d.id and v.version = d.version
"""


async def main(seed: int, size: Size, short: bool) -> None:
    configure_logging("ERROR", "console")
    generator = random.Random(seed)
    uploads = documents(generator, size.documents)
    print(f"seed {seed}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        server = start_embedded(Path(folder))
        urls = server.urls()
        migrate(urls.owner, urls.service, ROOT)
        settings = Settings(root=ROOT, data_dir=Path(folder), _env_file=None)
        async with build(settings, urls) as state, background(server.keep_running):
            calm = await send(state, "calm", uploads)
            await work_off(state)
            stormy = await send(state, "stormy", uploads)
            kills = await storm(state, stormy, server, Path(folder), size, generator)
            result = await compare(state, calm, stormy, size.documents)
        server.stop()
    write("kill_ingest", {"seed": seed, "documents": size.documents, **kills, **result}, short)
    if result["lost"] or result["doubled"] or result["different"]:
        sys.exit("Documents were lost, doubled or changed.")


def documents(generator: random.Random, count: int) -> list[Upload]:
    """Documents of several chunks with headings; every tenth is damaged and must end in quarantine."""
    words = ["".join(generator.choices("abcdefghijklmnoprstuvw", k=generator.randint(2, 9))) for _ in range(5_000)]
    uploads = []
    for number in range(count):
        sections = range(generator.randint(1, 3))
        parts = [f"## Section {section}\n\n{' '.join(generator.choices(words, k=150))}.\n" for section in sections]
        data = "\n".join([f"# Document {number}\n", *parts]).encode()
        name = f"document-{number:03}.md"
        uploads.append(Upload(name, data + b"\xff" if number % EVERY_TENTH_IS_BAD == 0 else data, name))
    return uploads


async def send(state: State, tenant: str, uploads: list[Upload]) -> UUID:
    tenant_id = await state.identity.ensure_tenant(tenant)
    caller = Principal(tenant_id, UUID(int=0), "benchmark", frozenset({"admin"}))
    for start in range(0, len(uploads), 50):
        await state.ingestion.upload(caller, UploadOptions(), uploads[start : start + 50])
    return tenant_id


async def storm(
    state: State, tenant: UUID, server: EmbeddedPostgres, folder: Path, size: Size, generator: random.Random
) -> dict[str, Any]:
    """Kill workers and the server at random moments, then let the last workers finish."""
    server_kills = set(generator.sample(range(size.worker_kills), size.server_kills))
    pool = WorkerPool(folder, {"APP_DATA_DIR": str(folder), "APP_ROOT": str(ROOT)})
    left_at = []
    for _ in range(WORKERS):
        pool.hire()
    try:
        for number in range(size.worker_kills):
            at_work = await pool.at_work()
            await asyncio.sleep(generator.uniform(0.0, size.longest_calm))
            if number in server_kills:
                kill_server(server)
            pool.kill(generator.choice(at_work))
            pool.hire()
            left_at.append(await unfinished(state, tenant))
            print(f"kill {number + 1}: {left_at[-1]} documents left", flush=True)
        last_kill = time.monotonic()
        if not size.waits_for_silence:
            await relieve(pool, state)
        while await unfinished(state, tenant) and time.monotonic() - last_kill < PATIENCE:  # noqa: ASYNC110
            await asyncio.sleep(0.5)
    finally:
        for log in list(pool.workers):
            pool.kill(log)
    return {
        "worker_kills": size.worker_kills,
        "worker_kills_with_work_left": sum(left > 0 for left in left_at),
        "server_kills": size.server_kills,
        "seconds_to_finish_after_the_last_kill": round(time.monotonic() - last_kill, 1),
    }


async def relieve(pool: WorkerPool, state: State) -> None:
    """Replace all workers by one, which takes over at once."""
    for log in list(pool.workers):
        pool.kill(log)
    while True:
        try:
            async with state.database.transaction(None) as connection:
                await connection.execute(text(SILENCE))
        except Problem:
            await asyncio.sleep(0.2)
        else:
            break
    pool.hire()


def kill_server(server: EmbeddedPostgres) -> None:
    with contextlib.suppress(OSError, ValueError):
        os.kill(int((server.folder / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)


async def unfinished(state: State, tenant: UUID) -> int:
    query = "select count(*) from document_versions where status in ('received', 'processing')"
    while True:
        try:
            async with state.database.read(tenant) as connection:
                return int((await connection.execute(text(query))).scalar_one())
        except Problem:
            await asyncio.sleep(0.2)


async def compare(state: State, calm: UUID, stormy: UUID, documents: int) -> dict[str, Any]:
    ends = await rows(state, stormy, ENDS)
    statuses = Counter(str(row[1]) for row in ends)
    expected, actual = await rows(state, calm, CHUNKS), await rows(state, stormy, CHUNKS)
    once = [row for row in ends if (row[1], row[3], row[4]) in (("published", 0, 1), ("quarantined", 1, 0))]
    return {
        "ends": dict(sorted(statuses.items())),
        "lost": documents - len(ends) + sum(row[1] in ("received", "processing") for row in ends),
        "doubled": len(ends) - len(once),
        "chunks": len(actual),
        "different": len(set(map(repr, expected)) ^ set(map(repr, actual))) + abs(len(expected) - len(actual)),
    }


if __name__ == "__main__":
    options = arguments_of(seeded(__doc__))
    asyncio.run(main(options.seed, SHORT if options.short else Size(), options.short))
