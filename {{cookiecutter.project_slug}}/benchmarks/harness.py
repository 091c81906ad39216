"""Runs the service in this process over its own database, and writes the results of benchmarks."""

import argparse
import asyncio
import json
import os
import platform
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from textwrap import indent
from typing import Any
from uuid import UUID, uuid4

import httpx
import orjson
import psycopg
from psycopg import sql
from sqlalchemy import text

from app.core.embedded import EmbeddedPostgres, Urls, start_embedded
from app.core.jobs import Worker
from app.core.schema import migrate
from app.main import create_app
from app.settings import Settings
from app.wiring import State, build

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results"


MIGRATED = "BENCHMARKS_MIGRATED_DATABASE"
"""An environment variable with the name of a migrated database to copy, so that none is migrated anew. Who set it drops
the copies, which begin with the same words.
"""


@contextmanager
def fresh_databases(count: int) -> Iterator[list[Urls]]:
    """Create `count` migrated databases, and drop them at the end."""
    server = start_embedded(Path(os.environ.get("APP_DATA_DIR", ROOT / ".data")))
    migrated = os.environ.get(MIGRATED, "")
    names = [f"{migrated.rpartition('_')[0] or 'bench'}_{uuid4().hex[:12]}" for _ in range(count)]
    try:
        for name in names:
            if migrated:
                copy_database(server, migrated, name)
            else:
                urls = server.urls(name)
                migrate(urls.owner, urls.service, ROOT)
        yield [server.urls(name) for name in names]
    finally:
        for name in [] if migrated else names:
            server.drop(name)
        server.stop()


def copy_database(server: EmbeddedPostgres, template: str, name: str) -> None:
    statement = sql.SQL("create database {} template {} strategy file_copy")
    with psycopg.connect(server.urls("postgres").owner, autocommit=True) as connection:
        connection.execute(statement.format(sql.Identifier(name), sql.Identifier(template)))


@contextmanager
def fresh_database() -> Iterator[Urls]:
    """Create one migrated database, and drop it at the end."""
    with fresh_databases(1) as (urls,):
        yield urls


def house(folder: Path, prices: str, answer_p95_ms: int = 120_000, queue_seconds: float | None = None) -> Path:
    """Make a root folder with the policies of the service, added prices, and limits that no run reaches.

    queue_seconds: how long a request may wait before it is refused; None for what the policy says.
    """
    for part in ("policies", "prompts", "migrations"):
        shutil.copytree(ROOT / part, folder / part)
    cost = folder / "policies" / "cost.yaml"
    text = re.sub(r"(monthly_budget_usd:).*", r"\1 1000000", cost.read_text())
    cost.write_text(f"{text}\n{indent(prices, '  ')}\n")
    security = folder / "policies" / "security.yaml"
    security.write_text(re.sub(r"(requests_per_minute_per_key:).*", r"\1 1000000", security.read_text()))
    slo = folder / "policies" / "slo.yaml"
    text = re.sub(r"(answer_p95_ms:).*", rf"\1 {answer_p95_ms}", slo.read_text())
    if queue_seconds is not None:
        text = re.sub(r"(queue_seconds:).*", rf"\1 {queue_seconds}", text)
    slo.write_text(text)
    return folder


@asynccontextmanager
async def service(**settings: Any) -> AsyncIterator[State]:
    """Build the service over a fresh database, which is dropped at the end."""
    with fresh_database() as urls, tempfile.TemporaryDirectory() as folder:
        configured = Settings(root=ROOT, data_dir=Path(folder), _env_file=None, **settings)
        async with build(configured, urls) as state:
            yield state


def environment_of(home: Path, url: str, model: str) -> dict[str, str]:
    """The variables of a process of the service with these files, this database and this stand-in of a model."""
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("APP_")},
        "DATABASE_URL": url,
        "APP_ROOT": str(home),
        "APP_DATA_DIR": str(home),
        "APP_EMBEDDER": "none",
        "APP_MODEL_CHAIN": orjson.dumps([{"model": "stand-in", "base_url": model}]).decode(),
    }


@asynccontextmanager
async def client_of(state: State, tenant: str = "bench") -> AsyncIterator[tuple[httpx.AsyncClient, UUID]]:
    """A client of the application in this process, with an admin key of `tenant`."""
    tenant_id = await state.identity.ensure_tenant(tenant)
    key = (await state.identity.create_key(tenant_id, "bench", ["admin", "service"])).text
    transport = httpx.ASGITransport(app=create_app(state))
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx.AsyncClient(
        transport=transport, base_url="http://service", headers=headers, timeout=120
    ) as client:
        yield client, tenant_id


@asynccontextmanager
async def worker(state: State) -> AsyncIterator[None]:
    """Run a worker during the block, and wait at its end until every job, with retries, is finished."""
    working = asyncio.create_task(Worker(state.database, state.jobs, state.settings.worker_concurrency).run())
    try:
        yield
        while await unfinished(state):
            if working.done():
                await working
            await asyncio.sleep(0.05)
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)


async def unfinished(state: State) -> bool:
    """Whether jobs are left. It bypasses the API, so that it does not add to its load."""
    query = "select exists (select 1 from procrastinate_jobs where status in ('todo', 'doing'))"
    async with state.database.pool.connection() as connection:
        row = await (await connection.execute(query)).fetchone()
    return bool(row and row[0])


async def work_off(state: State) -> None:
    """Run jobs, with their retries, until the queue is empty."""
    while await unfinished(state):
        await Worker(state.database, state.jobs, state.settings.worker_concurrency).run(wait=False)
        await asyncio.sleep(0.05)


def arguments_of(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """Parse the command line. `--short` runs every part of a benchmark briefly, in seconds."""
    parser.add_argument("--short", action="store_true", help="a little of everything; no result is written")
    return parser.parse_args()


def seeded(description: str | None) -> argparse.ArgumentParser:
    """A command line with a seed, drawn where none is given."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    return parser


async def rows(state: State, tenant: UUID, query: str) -> list[tuple[Any, ...]]:
    async with state.database.read(tenant) as connection:
        return [tuple(row) for row in await connection.execute(text(query))]


def write(name: str, result: dict[str, Any], short: bool = False) -> None:
    """Write `result` with the time and the machine to results/<name>.json, and to the reference pages.

    short: print it only.
    """
    if short:
        print(json.dumps(result, indent=2))
        return
    measured = {
        "measured_at": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}",
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(measured | result, indent=2) + "\n", encoding="utf-8")
    subprocess.run([sys.executable, str(ROOT / "scripts" / "reference.py")], check=True)
    print(json.dumps(result, indent=2))
