"""The queue is fair, shows what waits, and parks what fails for good until somebody runs it again."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from app.cli.ingest import files_in, ingest_files
from app.core.database import Database
from app.core.errors import Overloaded
from app.core.job_queue import LANE, JobNotFound, ParkedJobs, depth_of_queue, fair_priority
from app.core.jobs import Attempt, JobSpec, Worker, _oldest, _parked, _ready, _running, enqueue, enqueue_by_priority
from app.identity.domain import Principal
from app.ingestion.domain.documents import Upload, UploadOptions
from app.ingestion.service.upload import MAX_AWAITED_FILES
from app.wiring import State


def worker_of(database: Database, run: Callable[..., Awaitable[None]], **options: Any) -> tuple[Worker, str]:
    name = f"test.{uuid4().hex}"
    return Worker(database, [JobSpec(name, run, queue=name, **options)], concurrency=1), name


async def add(database: Database, name: str, tenant: UUID, count: int, bulk: bool = False) -> None:
    async with database.transaction(None) as connection:
        for _ in range(count):
            priority = await fair_priority(connection, name, tenant, bulk)
            await enqueue_by_priority(connection, name, priority, queue=name, tenant_id=str(tenant), bulk=bulk)


async def test_tenants_take_turns_and_people_come_before_bulk_loads(database: Database) -> None:
    loud, quiet, late = (uuid4() for _ in range(3))
    names = {str(loud): "loud", str(quiet): "quiet", str(late): "late"}
    order: list[str] = []

    async def run(attempt: Attempt, tenant_id: str, bulk: bool) -> None:
        order.append(names[tenant_id] + " bulk" * bulk)
        if len(order) == 4:  # the loud tenant has had several turns: who comes now does not go before all of them
            await add(database, name, late, 1)

    worker, name = worker_of(database, run)
    await add(database, name, loud, 30, bulk=True)
    await add(database, name, quiet, 2, bulk=True)
    await add(database, name, loud, 5)
    await add(database, name, quiet, 1)
    await worker.run(wait=False)
    assert order[:7] == ["loud", "quiet", "loud", "loud", "loud", "late", "loud"]
    assert order[7:12] == ["loud bulk", "quiet bulk", "loud bulk", "quiet bulk", "loud bulk"]
    assert len(order) == 39


async def test_an_upload_of_many_files_waits_behind_one_of_a_person_of_any_tenant(
    state: State, principal: Principal
) -> None:
    async def upload(count: int, word: str) -> None:
        names = [f"{word}{n}.md" for n in range(count)]
        files = [Upload(name, (f"# {name}" + "\n\nA sentence of it." * 200).encode(), name) for name in names]
        await state.ingestion.upload(principal, UploadOptions(), files)

    await upload(40, "load")
    await upload(1, "person")
    query = "select args, priority from procrastinate_jobs where status = 'todo' order by priority desc, id limit 1"
    async with state.database.transaction(principal.tenant_id) as connection:
        [(arguments, priority)] = (await connection.execute(text(query))).all()
        [[document, _]] = arguments["documents"]
        name = await connection.scalar(
            text("select name from document_versions where document_id = :d"), {"d": document}
        )
    assert (name, priority) == ("person0.md", 0)


async def test_every_batch_of_a_load_by_the_command_line_is_bulk(
    state: State, principal: Principal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.cli.ingest.BATCH_FILES", 5)
    for number in range(MAX_AWAITED_FILES + 1):
        (tmp_path / f"{number}.md").write_text(f"# Load {number} of {principal.tenant_id}")
    await ingest_files(state, principal, None, files_in([tmp_path]), wait=False)
    query = "select priority from procrastinate_jobs where args->>'tenant_id' = :t"
    async with state.database.transaction(None) as connection:
        priorities = (await connection.execute(text(query), {"t": str(principal.tenant_id)})).scalars().all()
    assert len(priorities) == 2
    assert all(priority <= -LANE for priority in priorities)


async def test_a_job_that_failed_for_good_is_parked_with_its_error_and_runs_again_when_told_to(
    database: Database,
) -> None:
    runs: list[int] = []

    async def run(attempt: Attempt, tenant_id: str) -> None:
        runs.append(attempt.number)
        if len(runs) == 1:
            raise Overloaded("about Ada Quillfeather")

    worker, name = worker_of(database, run, attempts=1)
    async with database.transaction(None) as connection:
        job = await enqueue(connection, name, queue=name, tenant_id="somebody")
    await worker.run(wait=False)
    parked = ParkedJobs(database)
    [found] = await parked.list(name)
    assert (found.id, found.arguments) == (job, {"tenant_id": "somebody"})
    assert found.reason == "overloaded: The service is at its limit of concurrent work"  # and nothing of the message
    await worker.measure()
    assert _parked.labels(name)._value.get() == 1

    assert await parked.retry([job]) == [job]
    assert await parked.list(name) == []
    await worker.run(wait=False)
    assert runs == [1, 1]
    with pytest.raises(JobNotFound):
        await parked.find(job)
    assert await parked.retry([job]) == []


async def test_a_worker_shows_depth_age_and_jobs_in_progress_by_kind(database: Database) -> None:
    seen: list[tuple[float, ...]] = []

    async def run(attempt: Attempt) -> None:
        await worker.measure()
        seen.append(tuple(each.labels(name)._value.get() for each in (_ready, _running)))

    worker, name = worker_of(database, run)
    async with database.transaction(None) as connection:
        for _ in range(3):
            await enqueue(connection, name, queue=name)
        await connection.execute(
            text(
                "update procrastinate_events set at = now() - interval '90 seconds' "
                "where job_id in (select id from procrastinate_jobs where task_name = :n)"
            ),
            {"n": name},
        )
        assert (await depth_of_queue(connection))[name].ready == 3
    await worker.measure()
    assert 90 <= _oldest.labels(name)._value.get() < 1000
    await worker.run(wait=False)
    assert seen == [(2, 1), (1, 1), (0, 1)]
    await worker.measure()
    assert [each.labels(name)._value.get() for each in (_ready, _running, _oldest)] == [0, 0, 0]
