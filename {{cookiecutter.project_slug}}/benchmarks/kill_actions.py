"""kill -9 of the worker at 60 random moments while it runs 100 approved actions: is each run exactly once?

Half of them add a note without approval; half close a ticket, each approved by a reviewer. Each is delayed by up to a
third of a second in the middle of its run, so that kills hit it there. Afterwards every action must have one note, one
run and one line in the audit log, and every ticket to be closed must be closed. Run with
`python -m benchmarks.kill_actions [--seed N]`. Three minutes.
"""

import asyncio
import random
import sys
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from sqlalchemy import text

from app.actions.domain import ActionProposal, NewAction, ReviewTerms
from app.core.embedded import Urls
from app.core.ids import new_id
from app.core.jobs import Worker
from app.core.logging import configure_logging
from app.identity.domain import Principal
from app.review.domain.items import SubmittedDecision
from app.review.jobs import job_specs as review_jobs
from app.settings import Settings
from app.wiring import State, build
from benchmarks.harness import ROOT, arguments_of, fresh_database, rows, seeded, write
from benchmarks.processes import SILENCE, WorkerPool

ACTIONS = 100
KILLS = 60
LONGEST_LIFE = 0.5
PATIENCE = 300.0

SLOW = """
create function take_time() returns trigger language plpgsql as
$$ begin perform pg_sleep(random() / 3); return new; end $$;
create trigger slow before insert on ticket_notes for each row execute function take_time();
"""
ENDS = """
    select a.action, a.state, (select count(*) from ticket_notes n where n.action_id = a.id),
        (select count(*) from action_runs r where r.action_id = a.id),
        (select count(*) from audit_log l where l.subject = a.id::text and l.action = 'action.run')
    from actions a
"""
LEFT = "select count(*) from actions where state = 'approved'"
UNFINISHED = "select count(*) from procrastinate_jobs where task_name = 'actions.run'"
IN_HAND = """
    select j.id, j.attempts, a.state from procrastinate_jobs j join actions a on a.id = (j.args->>'action_id')::uuid
    where j.task_name = 'actions.run' and j.status = 'doing'
"""
CLOSED = "select count(*) from tickets where status = 'closed'"


async def main(seed: int, actions: int, kills: int, short: bool) -> None:
    configure_logging("ERROR", "console")
    print(f"seed {seed}", flush=True)
    with fresh_database() as urls, tempfile.TemporaryDirectory() as folder:
        settings = Settings(root=ROOT, data_dir=Path(folder), embedder="none", _env_file=None)
        slow_down(urls)
        async with build(settings, urls) as state:
            tenant = await state.identity.ensure_tenant("bench")
            await propose(state, tenant, actions)
            await approve(state, tenant)
            storm = await kill_workers(state, tenant, urls, Path(folder), kills, random.Random(seed), short)
            result = await count(state, tenant, actions)
    write("kill_actions", {"seed": seed, **storm, **result}, short)
    if result["not_done"] or result["done_twice"] or result["tickets_closed"] != actions // 2:
        sys.exit("Actions were lost or done twice.")


def slow_down(urls: Urls) -> None:
    with psycopg.connect(urls.owner) as connection:
        connection.execute(SLOW)


async def propose(state: State, tenant: UUID, actions: int) -> None:
    """Insert proposals as answers do, alternating between ones that run at once and ones that need approval."""
    key = await state.identity.create_key(tenant, "asker", ["operator"])
    caller = await state.identity.authenticate(key.text)
    due = datetime.now(UTC) + timedelta(days=1)
    terms = ReviewTerms("bench", "before", "medium", due, None, 1, False, (), "What about the tickets?")
    for number in range(actions):
        ticket = (await state.tickets.add(caller, f"Ticket {number}", "It drips.")).id
        closing = number % 2 == 1
        arguments = {"ticket": ticket, ("resolution" if closing else "text"): "Tightened."}
        own = ActionProposal(
            id=new_id(),
            tenant_id=tenant,
            answer_id=new_id(),
            key_id=caller.key_id,
            requester=caller.name,
            release_id="0" * 64,
            action="close_ticket" if closing else "add_ticket_note",
            risk="irreversible" if closing else "reversible",
            arguments=arguments,
            nonce=new_id(),
            created_at=datetime.now(UTC),
            per_hour=actions,
        )
        async with state.database.transaction(tenant) as connection:
            await state.actions.proposals.store(
                connection,
                [NewAction(own, "waiting", terms, False) if closing else NewAction(own, "approved", None, False)],
            )


async def approve(state: State, tenant: UUID) -> None:
    await Worker(state.database, review_jobs(state.reviews.lifecycle), concurrency=2).run(wait=False)
    reviewer = Principal(tenant, new_id(), "reviewer", frozenset({"reviewer"}))
    while item := await state.reviews.queue.next(reviewer):
        await state.reviews.decisions.decide(
            reviewer, item.id, SubmittedDecision("approve", "seen", item.fence, item.version, item.digest)
        )


async def kill_workers(
    state: State, tenant: UUID, urls: Urls, folder: Path, kills: int, chance: random.Random, short: bool
) -> dict[str, Any]:
    """Kill workers at random moments, then let the last worker finish.

    short: the last worker does not wait until the heartbeats of the killed ones expire.
    """
    pool = WorkerPool(
        folder,
        {
            "DATABASE_URL": urls.service,
            "APP_DATA_DIR": str(folder),
            "APP_ROOT": str(ROOT),
            "APP_EMBEDDER": "none",
            "APP_WORKER_CONCURRENCY": "2",
        },
    )
    left_at, dropped = [], set[tuple[int, int]]()
    caught = Counter[str]()
    try:
        for number in range(kills):
            pool.hire()
            [worker] = await pool.at_work()
            await asyncio.sleep(chance.uniform(0.0, LONGEST_LIFE))
            pool.kill(worker)
            for job, attempt, ended in await rows(state, tenant, IN_HAND):
                caught[ended] += (job, attempt) not in dropped
                dropped.add((job, attempt))
            left_at.append((await rows(state, tenant, LEFT))[0][0])
            print(f"kill {number + 1}: {left_at[-1]} actions left", flush=True)
        last_kill = time.monotonic()
        if short:
            async with state.database.transaction(None) as connection:
                await connection.execute(text(SILENCE))
        pool.hire()
        while (await rows(state, tenant, UNFINISHED))[0][0] and time.monotonic() - last_kill < PATIENCE:  # noqa: ASYNC110
            await asyncio.sleep(0.5)
    finally:
        for log in list(pool.workers):
            pool.kill(log)
    return {
        "worker_kills": kills,
        "worker_kills_with_work_left": sum(left > 0 for left in left_at),
        "runs_killed_before_their_end": caught["approved"],
        "runs_killed_after_their_end": caught["done"],
        "seconds_to_finish_after_the_last_kill": round(time.monotonic() - last_kill, 1),
    }


async def count(state: State, tenant: UUID, actions: int) -> dict[str, Any]:
    ends = await rows(state, tenant, ENDS)
    return {
        "actions": len(ends),
        "done_once": sum(row[1:] == ("done", 1, 1, 1) for row in ends),
        "not_done": sum(row[1] != "done" or 0 in row[2:] for row in ends) + actions - len(ends),
        "done_twice": sum(max(row[2:]) > 1 for row in ends),
        "notes_added": sum(row[2] for row in ends if row[0] == "add_ticket_note"),
        "tickets_closed": (await rows(state, tenant, CLOSED))[0][0],
    }


if __name__ == "__main__":
    options = arguments_of(seeded(__doc__))
    asyncio.run(main(options.seed, *((4, 1) if options.short else (ACTIONS, KILLS)), options.short))
