"""Faults during processing: every accepted document is published or quarantined exactly once."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from sqlalchemy import text

from app.core.embedded import Urls
from app.core.errors import Contended
from app.core.jobs import Worker
from app.ingestion import jobs
from app.ingestion.domain.documents import ProcessingResult
from app.ingestion.domain.parsed_document import ParserInterrupted
from app.ingestion.jobs import job_specs
from app.ingestion.repository import attempts
from app.ingestion.service import Ingestion
from app.wiring import State
from tests.clock import until
from tests.ingestion.conftest import Send

LAMPS = " ".join(f"Lamp number {number} hangs in the hall of the old lighthouse." for number in range(90)).encode()


class Killed(BaseException):
    """Simulates kill -9: no handler of Exception runs."""


@dataclass
class FaultInjector:
    """Raises at the n-th step."""

    remaining: int
    steps: int = 0

    def step(self) -> None:
        self.steps += 1
        self.remaining -= 1
        if self.remaining == 0:
            raise Killed


class Faulty:
    """Wraps a dependency so that every call, and both ends of every transaction, is a step that may fail."""

    def __init__(self, real: Any, injector: FaultInjector) -> None:
        self.real, self.injector = real, injector

    def __getattr__(self, name: str) -> Any:
        async def call(*args: Any, **kwargs: Any) -> Any:
            self.injector.step()
            result = await getattr(self.real, name)(*args, **kwargs)
            self.injector.step()
            return result

        return call

    @asynccontextmanager
    async def transaction(self, tenant_id: UUID) -> AsyncIterator[Any]:
        self.injector.step()
        async with self.real.transaction(tenant_id) as connection:
            yield connection
            self.injector.step()
        self.injector.step()

    def read(self, tenant_id: UUID) -> AbstractAsyncContextManager[Any]:
        return self._between_steps(self.real.read(tenant_id))

    def pipeline(self, tenant_id: UUID) -> AbstractAsyncContextManager[Any]:
        return self._between_steps(self.real.pipeline(tenant_id))

    @asynccontextmanager
    async def _between_steps(self, opened: AbstractAsyncContextManager[Any]) -> AsyncIterator[Any]:
        self.injector.step()
        async with opened as connection:
            yield connection
        self.injector.step()


def with_faults(ingestion: Ingestion, injector: FaultInjector) -> Ingestion:
    deps = ingestion.deps
    return Ingestion(
        replace(
            deps,
            database=Faulty(deps.database, injector),
            retrieval=Faulty(deps.retrieval, injector),
            parser=Faulty(deps.parser, injector),
        )
    )


async def chunks(state: State, tenant: UUID, document: UUID) -> list[tuple[Any, ...]]:
    query = "select document_version, ordinal, start_at, end_at, headings, text, gone from chunks"
    async with state.database.read(tenant) as connection:
        rows = await connection.execute(text(f"{query} where document_id = :d order by 1, 2, 7"), {"d": document})
        return [tuple(row) for row in rows]


async def drop_jobs(state: State) -> None:
    async with state.database.transaction(None) as connection:
        await connection.execute(text("delete from procrastinate_jobs where status = 'todo'"))


@pytest.mark.parametrize("data", [LAMPS, b"caf\xe9"], ids=["published", "quarantined"])
async def test_a_run_after_a_crash_at_any_step_gives_the_result_of_a_clean_run(state, tenant, send, data) -> None:
    """The n-th step crashes, for n = 1, 2, … until a run is clean; after each crash the job is run again."""
    clean: list[tuple[Any, ...]] | None = None
    for number in range(1, 50):
        (item,) = await send((f"{number}.txt", data), access_groups=f"group{number}")
        await drop_jobs(state)
        document, injector = UUID(item["id"]), FaultInjector(number)
        crashed = False
        try:
            await with_faults(state.ingestion, injector).process(tenant, document, 1)
        except Killed:
            crashed = True
        await state.ingestion.process(tenant, document, 1)
        await state.ingestion.process(tenant, document, 1)
        result = await chunks(state, tenant, document)
        clean = clean if clean is not None else result
        assert result == clean
        async with state.database.read(tenant) as connection:
            status = await connection.execute(
                text("select status, (select count(*) from quarantine) from document_versions where document_id = :d"),
                {"d": document},
            )
            assert tuple(status.one()) == (("published", 0) if data is LAMPS else ("quarantined", number))
        if not crashed:
            assert number > 6
            return
    raise AssertionError("no run was ever clean")


async def test_the_same_content_uploaded_concurrently_is_a_document_at_each_address(send, work, search) -> None:
    batches = await asyncio.gather(*[send((f"{n}.txt", b"The lamp is lit at dusk.")) for n in range(8)])
    items = [batch[0] for batch in batches]
    assert len({item["id"] for item in items}) == 8
    assert sum(item["duplicate_of"] is None for item in items) == 1
    await work()
    assert await search("lamp dusk") == ["The lamp is lit at dusk."]


async def test_batches_with_the_same_files_in_another_order_do_not_deadlock(send) -> None:
    files = [(f"{n}.txt", f"Lamp number {n} is lit.".encode()) for n in range(10)]
    batches = await asyncio.gather(*[send(*order) for order in (files, files[::-1], files, files[::-1])])
    assert len({item["id"] for batch in batches for item in batch}) == 10


async def test_of_versions_uploaded_concurrently_one_is_published(send, work, search, client) -> None:
    batches = await asyncio.gather(*[send(("a.txt", f"Lamp of version {n}.".encode())) for n in range(6)])
    assert {batch[0]["version"] for batch in batches} == {1, 2, 3, 4, 5, 6}
    assert len({batch[0]["id"] for batch in batches}) == 1
    await work()
    document = (await client.get(f"/v1/documents/{batches[0][0]['id']}")).json()
    assert (document["status"], document["live_version"]) == ("published", 6)
    assert len(await search("lamp version")) == 1


async def test_a_worker_that_resumes_too_late_changes_nothing(state, tenant, send) -> None:
    """The first worker stalls between parsing and publishing; a second one takes over; the first publishes nothing."""
    (item,) = await send(("a.txt", LAMPS))
    await drop_jobs(state)
    asleep, wake = asyncio.Event(), asyncio.Event()

    class Sleepy(Faulty):
        def __getattr__(self, name: str) -> Any:
            async def call(*args: Any, **kwargs: Any) -> Any:
                if name == "prepare":
                    asleep.set()
                    await wake.wait()
                return await getattr(self.real, name)(*args, **kwargs)

            return call

    ingestion = state.ingestion
    sleepy = Ingestion(replace(ingestion.deps, retrieval=Sleepy(ingestion.deps.retrieval, FaultInjector(0))))
    late = asyncio.create_task(sleepy.process(tenant, UUID(item["id"]), 1))
    await asleep.wait()
    assert (await ingestion.process(tenant, UUID(item["id"]), 1)).status == "published"
    before = await state.retrieval.corpus_version(tenant)
    wake.set()
    assert (await late).status == "superseded"
    assert await state.retrieval.corpus_version(tenant) == before


async def test_a_poison_document_is_quarantined_and_the_queue_goes_on(
    state, send, client, work, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Poisoned(Faulty):
        def __getattr__(self, name: str) -> Any:
            async def call(*args: Any, **kwargs: Any) -> Any:
                if name == "prepare" and "poison" in args[0].title:
                    raise ZeroDivisionError
                return await getattr(self.real, name)(*args, **kwargs)

            return call

    ingestion = state.ingestion
    broken = Ingestion(replace(ingestion.deps, retrieval=Poisoned(ingestion.deps.retrieval, FaultInjector(0))))
    monkeypatch.setattr(jobs, "MAX_FAILURES", 2)
    specs = job_specs(broken)
    poison, good = await send(("poison.txt", b"The lamp is broken."), ("good.txt", b"The lamp is whole."))
    worker = asyncio.create_task(Worker(state.database, specs, 1).run())

    async def document_now() -> dict[str, Any]:
        return (await client.get(f"/v1/documents/{poison['id']}")).json()

    async def through() -> bool:
        return (await document_now())["status"] in ("quarantined", "published")

    await until(through)
    document = await document_now()
    worker.cancel()
    with pytest.raises(asyncio.CancelledError):
        await worker
    assert document["quarantine"]["reason"] == "processing_failed"
    assert "ZeroDivisionError" in document["quarantine"]["detail"]
    assert (await client.get(f"/v1/documents/{good['id']}")).json()["status"] == "published"
    await client.post(f"/v1/quarantine/{document['quarantine']['id']}/release")
    await work()
    assert (await client.get(f"/v1/documents/{poison['id']}")).json()["status"] == "published"


class Interrupted(Faulty):
    """A parser that is interrupted the first `times` times."""

    def __init__(self, real: Any, times: int) -> None:
        super().__init__(real, FaultInjector(0))
        self.times = times

    def __getattr__(self, name: str) -> Any:
        async def call(*args: Any, **kwargs: Any) -> Any:
            self.times -= 1
            if self.times >= 0:
                raise ParserInterrupted("The file was not read within 60 s.")
            return await getattr(self.real, name)(*args, **kwargs)

        return call


async def processed_by(specs: Any, state: State, client: Any, document: str) -> dict[str, Any]:
    """The document after a worker with these jobs has processed it."""
    worker = asyncio.create_task(Worker(state.database, specs, 1).run())
    document_now: dict[str, Any] = {"status": "received"}
    while document_now["status"] not in ("quarantined", "published"):
        await asyncio.sleep(0.2)
        document_now = (await client.get(f"/v1/documents/{document}")).json()
    worker.cancel()
    with pytest.raises(asyncio.CancelledError):
        await worker
    return document_now


async def test_an_interrupted_parser_is_retried(state, send, client) -> None:
    ingestion = state.ingestion
    busy = Ingestion(replace(ingestion.deps, parser=Interrupted(ingestion.deps.parser, 2)))
    (item,) = await send(("a.txt", b"The lamp is lit at dusk."))
    document = await processed_by(job_specs(busy), state, client, item["id"])
    assert document["status"] == "published"
    assert (await client.get("/v1/quarantine", params={"waiting": False})).json()["items"] == []


async def test_a_document_interrupted_in_every_attempt_is_quarantined_and_can_be_released(
    state, send, client, work, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "MAX_FAILURES", 2)
    ingestion = state.ingestion
    busy = Ingestion(replace(ingestion.deps, parser=Interrupted(ingestion.deps.parser, 99)))
    (item,) = await send(("a.txt", b"The lamp is lit at dusk."))
    entry = (await processed_by(job_specs(busy), state, client, item["id"]))["quarantine"]
    assert entry["reason"] == "processing_failed"
    assert "not read within 60 s" in entry["detail"]
    await client.post(f"/v1/quarantine/{entry['id']}/release")
    await work()
    assert (await client.get(f"/v1/documents/{item['id']}")).json()["status"] == "published"


async def test_documents_that_cannot_be_published_together_are_published_one_by_one(state, tenant, send) -> None:
    class Narrow(Faulty):
        def __getattr__(self, name: str) -> Any:
            async def call(*args: Any, **kwargs: Any) -> Any:
                if name == "publish_all" and (len(args[1]) > 1 or "poison" in args[1][0].request.title):
                    raise ZeroDivisionError
                return await getattr(self.real, name)(*args, **kwargs)

            return call

    ingestion = state.ingestion
    narrow = Ingestion(replace(ingestion.deps, retrieval=Narrow(ingestion.deps.retrieval, FaultInjector(0))))
    files = [(f"{name}.txt", f"The {name} lamp hangs in the hall.".encode()) for name in ("good", "poison", "other")]
    good, poison, other = [UUID(item["id"]) for item in await send(*files)]
    await drop_jobs(state)
    results = await narrow.process_all(tenant, {good: 1, poison: 1, other: 1})
    assert results[good] == results[other] == ProcessingResult("published")
    assert isinstance(results[poison], ZeroDivisionError)


async def test_a_superseded_version_does_not_affect_the_others_of_its_job(state, tenant, send, search) -> None:
    old, good = await send(("old.txt", b"The old lamp is dim."), ("good.txt", b"The good lamp is bright."))
    (new,) = await send(("old.txt", b"The new lamp is bright too."))
    await drop_jobs(state)
    results = await state.ingestion.process_all(tenant, {UUID(old["id"]): 1, UUID(good["id"]): 1})
    assert (results[UUID(old["id"])].status, results[UUID(good["id"])].status) == ("superseded", "published")
    assert (await state.ingestion.process(tenant, UUID(new["id"]), 2)).status == "published"
    assert sorted(await search("lamp bright")) == ["The good lamp is bright.", "The new lamp is bright too."]


@dataclass(frozen=True)
class FullDisk:
    """Makes every insert into `table` fail as on a full disk, until `free` is called."""

    urls: Urls
    table: str
    name: str

    def run(self, *statements: str) -> Any:
        with psycopg.connect(self.urls.owner, autocommit=True) as connection:
            return [connection.execute(statement) for statement in statements][-1]  # type: ignore[arg-type]

    def fill(self) -> None:
        # Sequences are not rolled back with the transaction.
        self.run(
            f"create sequence {self.name}",
            f"create function {self.name}() returns trigger language plpgsql security definer as $$ begin "
            f"perform nextval('{self.name}'); raise exception 'disk full' using errcode = '53100'; end $$",
            f"create trigger {self.name} before insert on {self.table} for each row execute function {self.name}()",
        )

    def refused(self) -> int:
        return int(self.run(f"select case when is_called then last_value else 0 end from {self.name}").fetchone()[0])

    def free(self) -> None:
        self.run(
            f"drop trigger if exists {self.name} on {self.table}",
            f"drop function if exists {self.name}()",
            f"drop sequence if exists {self.name}",
        )


@contextmanager
def full_disk(urls: Urls, table: str) -> Iterator[FullDisk]:
    disk = FullDisk(urls, table, f"full_{uuid4().hex[:8]}")
    disk.fill()
    try:
        yield disk
    finally:
        disk.free()


async def test_an_upload_to_a_full_disk_is_507_and_stores_nothing(client, database_urls: Urls, ingest) -> None:
    with full_disk(database_urls, "document_versions"):
        reply = await client.post("/v1/documents", files={"files": ("a.txt", b"The lamp is lit.")})
        assert (reply.status_code, reply.json()["code"]) == (507, "storage_full")
        assert (await client.get("/v1/documents")).json()["items"] == []
    (document,) = await ingest(("a.txt", b"The lamp is lit."))
    assert (document["status"], document["version"]) == ("published", 1)


async def test_a_disk_that_is_full_while_publishing_delays_it(send, client, work, search, database_urls) -> None:
    (item,) = await send(("a.txt", b"The lamp is lit."))
    with full_disk(database_urls, "chunks") as disk:
        working = asyncio.create_task(work())
        await until(lambda: disk.refused() > 1)
        assert await search("lamp") == []
        assert (await client.get(f"/v1/documents/{item['id']}")).json()["status"] == "processing"
        disk.free()
        await working
    assert await search("lamp") == ["The lamp is lit."]


@pytest.mark.parametrize(("times", "status"), [(2, "published"), (9, None)])
async def test_a_start_that_meets_another_process_is_begun_again(
    state: State, tenant: UUID, send: Send, monkeypatch: pytest.MonkeyPatch, times: int, status: str | None
) -> None:
    [item] = await send(("tea.md", b"# Tea\n\nTea is made at four o'clock."))
    start, left = attempts.start, times

    async def contended(*arguments: Any) -> Any:
        nonlocal left
        left -= 1
        if left >= 0:
            raise Contended
        return await start(*arguments)

    monkeypatch.setattr(attempts, "start", contended)
    processing = state.ingestion.process_all(tenant, {UUID(item["id"]): item["version"]})
    if status is None:
        with pytest.raises(Contended):
            await processing
    else:
        assert {result.status for result in (await processing).values()} == {status}
