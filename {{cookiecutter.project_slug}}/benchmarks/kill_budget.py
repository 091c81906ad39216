"""kill -9 of the API at random moments during answers, 200 times or `--kills`: are budgets and ledger still consistent?

Afterwards no reservation may be left once all have expired, every answer must have exactly one charge, and the
committed amount of the budgets must equal the charges in the ledger.
Run with `python -m benchmarks.kill_budget [--seed N]`.
"""

import asyncio
import contextlib
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
from sqlalchemy import text

from app.adapters.chat.standin import Fault, StandIn
from app.core.logging import configure_logging
from app.retrieval.domain import PublishRequest
from app.settings import Settings
from app.wiring import State, build
from benchmarks.harness import ROOT, arguments_of, environment_of, fresh_database, house, seeded, write
from benchmarks.processes import PATIENCE, free_port, kill

KILLS = 200
PRICE = "stand-in: {input: 1, output: 2}"
ASKERS = 8
LONGEST_LIFE = 0.6
TEXT = "The lighthouse of Karlen was built in 1874 by the engineer Marta Holm."
QUESTION = "Who built the lighthouse of Karlen?"

ANSWERS = """
    select count(*), count(*) filter (where charges = 0), count(*) filter (where charges > 1) from (
        select a.id, (select count(*) from ledger l where l.subject_id = a.id and l.micro_usd > 0) as charges
        from answers a where a.model = 'stand-in'
    ) as found
"""
CHARGED = "select coalesce(sum(micro_usd), 0)::bigint, count(*) from ledger"
MONEY = "select sum(committed)::bigint, sum(held)::bigint, (select count(*) from budget_holds) from budget_shards"
LAPSE = "update budget_holds set expires_at = now()"


async def main(seed: int, kills: int, short: bool) -> None:
    configure_logging("ERROR", "console")
    print(f"seed {seed}", flush=True)
    with fresh_database() as urls:
        with tempfile.TemporaryDirectory() as folder:
            home = house(Path(folder), PRICE)
            settings = Settings(root=home, data_dir=home, embedder="none", _env_file=None)
            async with build(settings, urls) as state, StandIn(model="stand-in") as model:
                model.always = Fault(pieces=(TEXT[:-1], " [1]."), pause=0.02)
                tenant = await state.identity.ensure_tenant("bench")
                key = (await state.identity.create_key(tenant, "bench", ["user"])).text
                await _publish(state, tenant)
                storm = await _storm(home, urls.service, model.url, key, random.Random(seed), kills)
                result = await _count(state, tenant)
        write("kill_budget", {"seed": seed, **storm, **result}, short)
        if result["uncharged"] or result["charged_twice"] or result["left_held"] or result["difference_micro_usd"]:
            sys.exit("Money was lost, doubled or left behind.")


async def _publish(state: State, tenant: UUID) -> None:
    request = PublishRequest(uuid4(), tenant, 1, "Lighthouse", "bench", "tower.md", TEXT)
    prepared = await state.retrieval.prepare(request)
    async with state.database.transaction(tenant) as connection:
        await state.retrieval.publish(connection, prepared)


async def _storm(home: Path, url: str, model: str, key: str, chance: random.Random, kills: int) -> dict[str, Any]:
    port = free_port()
    environment = environment_of(home, url, model)
    stop, ended = asyncio.Event(), {"whole": 0, "cut": 0}
    askers = [asyncio.create_task(_ask(port, key, number % 2 == 1, stop, ended)) for number in range(ASKERS)]
    for number in range(kills):
        command = [sys.executable, "-m", "app", "serve", "--port", str(port)]
        running = subprocess.Popen(  # noqa: ASYNC220, it is only started
            command, env=environment, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        await _alive(port)
        while number == 0 and not ended["whole"]:  # noqa: ASYNC110, the first lives until money is spent
            await asyncio.sleep(0.02)
        await asyncio.sleep(chance.uniform(0.02, LONGEST_LIFE))
        kill(running, port)
        if number % 20 == 19:
            print(f"kill {number + 1}: {ended}", flush=True)
    stop.set()
    await asyncio.gather(*askers)
    return {"kills": kills, "replies": ended["whole"], "requests_cut": ended["cut"]}


async def _ask(port: int, key: str, stream: bool, stop: asyncio.Event, ended: dict[str, int]) -> None:
    body = {"question": QUESTION, "stream": stream}
    headers = {"Authorization": f"Bearer {key}"}
    while not stop.is_set():
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=10) as client:
            try:
                while not stop.is_set():
                    reply = await client.post("/v1/answers", json=body)
                    ended["whole"] += reply.status_code == 200
            except httpx.ConnectError:
                await asyncio.sleep(0.05)
            except httpx.HTTPError:
                ended["cut"] += 1


async def _alive(port: int) -> None:
    until = time.monotonic() + PATIENCE
    async with httpx.AsyncClient() as client:
        while time.monotonic() < until:
            with contextlib.suppress(httpx.HTTPError):
                if (await client.get(f"http://127.0.0.1:{port}/health/live")).status_code == 200:
                    return
            await asyncio.sleep(0.02)
    raise RuntimeError("the service does not start")


async def _count(state: State, tenant: UUID) -> dict[str, Any]:
    async with state.database.transaction(None) as connection:
        _, before, holds = (await connection.execute(text(MONEY))).one()
    return await settled(state, tenant) | {"holds_of_the_dead": holds, "held_by_the_dead_micro_usd": before}


async def settled(state: State, tenant: UUID) -> dict[str, int]:
    """Answers and money once the holds of dead processes have expired."""
    async with state.database.transaction(None) as connection:
        await connection.execute(text(LAPSE))
    await state.costs.budgets.current()
    async with state.database.transaction(tenant) as connection:
        committed, held, left = (await connection.execute(text(MONEY))).one()
        answers, uncharged, twice = (await connection.execute(text(ANSWERS))).one()
        charged, rows = (await connection.execute(text(CHARGED))).one()
    return {
        "answers": answers,
        "uncharged": uncharged,
        "charged_twice": twice,
        "ledger_rows": rows,
        "left_held": held + left,
        "charged_micro_usd": charged,
        "difference_micro_usd": committed - charged,
    }


if __name__ == "__main__":
    parser = seeded(__doc__)
    parser.add_argument("--kills", type=int, default=KILLS)
    options = arguments_of(parser)
    asyncio.run(main(options.seed, 2 if options.short else options.kills, options.short))
