"""`app jobs` shows what waits, and runs again what failed for good."""

import asyncio
from uuid import uuid4

from typer.testing import CliRunner

from app.cli import app
from app.core.embedded import Urls
from app.core.jobs import Attempt, JobSpec, Worker, enqueue
from app.settings import Settings
from app.wiring import build
from tests.cli.test_costs_and_version import run

__all__ = ["run"]


async def fail_for_good(urls: Urls, settings: Settings, name: str) -> int:
    async def poison(attempt: Attempt, tenant_id: str) -> None:
        raise ValueError("of the document")

    async with build(settings, urls) as state:
        async with state.database.transaction(None) as connection:
            job = await enqueue(connection, name, queue=name, tenant_id="somebody")
        spec = JobSpec(name, poison, queue=name, attempts=1)
        await Worker(state.database, [spec], concurrency=1).run(wait=False)
    return job


def test_a_parked_job_is_listed_shown_and_put_back_once(
    run: CliRunner, database_urls: Urls, settings: Settings
) -> None:
    name = f"test.{uuid4().hex[:8]}"
    job = str(asyncio.run(fail_for_good(database_urls, settings, name)))
    listed = run.invoke(app, ["jobs", "list", "--kind", name]).output
    assert f"{name}: 0 waiting, the first for 0 s; 1 parked." in listed
    assert next(line for line in listed.splitlines() if line.split()[0] == job).split()[-1] == "ValueError"
    shown = run.invoke(app, ["jobs", "show", job]).output
    assert "why: ValueError" in shown
    assert "tenant_id: somebody" in shown
    assert "1 jobs are in the queue again." in run.invoke(app, ["jobs", "retry", job]).output
    assert f"{name}: 1 waiting" in run.invoke(app, ["jobs", "list"]).output
    again = run.invoke(app, ["jobs", "retry", job])
    assert "There is no parked job" in str(again.exception)
    assert "Name the jobs, or --all" in str(run.invoke(app, ["jobs", "retry"]).exception)
    audited = run.invoke(app, ["audit", "list"]).output.splitlines()
    assert [f"job {job}" in line for line in audited if "job.retry" in line][:1] == [True]
    assert "0 jobs are in the queue again." in run.invoke(app, ["jobs", "retry", "--all", "--kind", name]).output
