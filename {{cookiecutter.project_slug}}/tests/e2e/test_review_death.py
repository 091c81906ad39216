"""API and worker are killed while answers are held: every recorded answer enters the queue once, and none is delivered
without a decision.
"""

import asyncio
import json
import random
from asyncio.subprocess import DEVNULL
from contextlib import suppress
from pathlib import Path
from uuid import UUID

import httpx
import pytest

from app.core.embedded import Urls
from app.core.jobs import Worker
from app.wiring import State, build
from tests.clock import until
from tests.conftest import ROOT, adopt
from tests.e2e.conftest import environment
from tests.e2e.test_death import api, live_again, publish, rows, with_review
from tests.forks import KILL, Forks

__all__ = ["live_again"]

HOLD_ALL = " [{name: all, send: before, due_minutes: 60}]"
KILLS, ASKERS = 4, 6
COUNTS = """
select (select count(*) from answers), (select count(*) from reviewed_answers where state = 'held'),
       (select count(*) from review_items where kind = 'answer'), (select count(*) from ledger)
"""


async def ask_until_dead(client: httpx.AsyncClient, key: str, stop: asyncio.Event, said: list[int]) -> None:
    headers = {"Authorization": f"Bearer {key}"}
    with suppress(httpx.TransportError):
        while not stop.is_set():
            reply = await client.post("/v1/answers", json={"question": "Who built the lighthouse?"}, headers=headers)
            assert "Marta" not in reply.text
            said.append(reply.status_code)


async def killed_worker(data: Path, forks: Forks, common: dict[str, str], url: str, after: float) -> None:
    process = await asyncio.create_subprocess_exec(
        *forks.command("app"), "worker",
        cwd=ROOT, env=environment(data, DATABASE_URL=url, **common), stdout=DEVNULL, stderr=DEVNULL,
    )  # fmt: skip
    await asyncio.sleep(after)
    process.send_signal(KILL)
    await process.wait()


@pytest.mark.slow
@pytest.mark.usefixtures("live_again")
async def test_every_recorded_answer_enters_the_queue_once(
    state: State, tenant: UUID, key: str, database_urls: Urls, tmp_path: Path, forks: Forks
) -> None:
    await publish(state, tenant)
    root = with_review(HOLD_ALL, tmp_path / "root", state.settings.root)
    async with build(state.settings.model_copy(update={"root": root}), database_urls) as written:
        await adopt(written)
    common = {"APP_EMBEDDER": "none", "APP_ROOT": str(root), "APP_KEY_PEPPER": state.settings.pepper().decode()}
    pick, told = random.Random(7), 0
    for _ in range(KILLS):
        async with api(tmp_path, forks, DATABASE_URL=database_urls.service, **common) as (process, client):
            stop = asyncio.Event()
            said: list[int] = []
            askers = [asyncio.ensure_future(ask_until_dead(client, key, stop, said)) for _ in range(ASKERS)]
            await until(said.__len__)
            await asyncio.sleep(pick.uniform(0, 0.5))
            process.send_signal(KILL)
            stop.set()
            await asyncio.gather(*askers)
        assert set(said) == {202}, json.dumps(said)
        told += len(said)
        await killed_worker(tmp_path, forks, common, database_urls.service, pick.uniform(1.5, 2.5))
    worker = Worker(state.database, state.jobs, concurrency=2)
    async with worker.app.open_async(state.database.pool):
        await worker.reap(silent_seconds=0)
    await worker.run(wait=False)
    [(answers, held, items, charges)] = await rows(state, tenant, COUNTS)
    assert answers >= told
    assert answers == held == items == charges
