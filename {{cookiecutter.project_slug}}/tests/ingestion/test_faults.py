"""Whatever dies meanwhile: every accepted document ends once, published or quarantined, and nothing is there twice."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from sqlalchemy import text

from app.core.embedded import Urls
from app.core.jobs import Worker
from app.ingestion import jobs
from app.ingestion.domain.documents import ProcessingResult
from app.ingestion.domain.parsed_document import ParserInterrupted
from app.ingestion.jobs import job_specs
from app.ingestion.service import Ingestion
from app.wiring import State
from tests.clock import until

LAMPS = " ".join(f"Lamp number {number} hangs in the hall of the old lighthouse." for number in range(90)).encode()


class Killed(BaseException):
    """What kill -9 is to a process: nothing after it runs."""


@dataclass
class Fuse:
    """Burns at the n-th step that is counted."""

    left: int
    steps: int = 0

    def step(self) -> None:
        self.steps += 1
        self.left -= 1
        if self.left == 0:
            raise Killed


class Fused:
    """A part of the room in which every call, and both ends of every transaction, is a place to die at."""

    def __init__(self, real: Any, fuse: Fuse) -> None:
        self.real, self.fuse = real, fuse

    def __getattr__(self, name: str) -> Any:
        async def call(*args: Any, **kwargs: Any) -> Any:
            self.fuse.step()
            result = await getattr(self.real, name)(*args, **kwargs)
            self.fuse.step()
            return result

        return call

    @asynccontextmanager
    async def transaction(self, tenant_id: UUID) -> AsyncIterator[Any]:
        self.fuse.step()
        async with self.real.transaction(tenant_id) as connection:
            yield connection
            self.fuse.step()
        self.fuse.step()

    @asynccontextmanager
    async def pipeline(self, tenant_id: UUID) -> AsyncIterator[Any]:
        self.fuse.step()
        async with self.real.pipeline(tenant_id) as connection:
            yield connection
        self.fuse.step()


def fused(room: Ingestion, fuse: Fuse) -> Ingestion:
    deps = room.deps
    return Ingestion(
        replace(
            deps,
            database=Fused(deps.database, fuse),
            retrieval=Fused(deps.retrieval, fuse),
            parser=Fused(deps.parser, fuse),
        )
    )


async def chunks(state: State, tenant: UUID, document: UUID) -> list[tuple[Any, ...]]:
    query = "select document_version, ordinal, start_at, end_at, headings, text, gone from chunks"
    async with state.database.read(tenant) as connection:
        found = await connection.execute(text(f"{query} where document_id = :d order by 1, 2, 7"), {"d": document})
        return [tuple(row) for row in found]


async def drop_jobs(state: State) -> None:
    async with state.database.transaction(None) as connection:
        await connection.execute(text("delete from procrastinate_jobs where status = 'todo'"))


@pytest.mark.parametrize("data", [LAMPS, b"caf\xe9"], ids=["published", "quarantined"])
async def test_death_at_any_step_and_a_second_run_leave_what_one_clean_run_leaves(state, tenant, send, data) -> None:
    """The n-th step dies, for n = 1, 2, … until a run is clean; after each death the job is run again."""
    clean: list[tuple[Any, ...]] | None = None
    for number in range(1, 50):
        (item,) = await send((f"{number}.txt", data), access_groups=f"group{number}")
        await drop_jobs(state)
        document, fuse = UUID(item["id"]), Fuse(number)
        died = False
        try:
            await fused(state.ingestion, fuse).process(tenant, document, 1)
        except Killed:
            died = True
        await state.ingestion.process(tenant, document, 1)
        await state.ingestion.process(tenant, document, 1)
        found = await chunks(state, tenant, document)
        clean = clean if clean is not None else found
        assert found == clean
        async with state.database.read(tenant) as connection:
            status = await connection.execute(
                text("select status, (select count(*) from quarantine) from document_versions where document_id = :d"),
                {"d": document},
            )
            assert tuple(status.one()) == (("published", 0) if data is LAMPS else ("quarantined", number))
        if not died:
            assert number > 6
            return
    raise AssertionError("no run was ever clean")


async def test_the_same_content_sent_at_once_is_one_document(send, work, search) -> None:
    batches = await asyncio.gather(*[send((f"{n}.txt", b"The lamp is lit at dusk.")) for n in range(8)])
    items = [batch[0] for batch in batches]
    assert len({item["id"] for item in items}) == 1
    assert sum(item["duplicate_of"] is None for item in items) == 1
    await work()
    assert await search("lamp dusk") == ["The lamp is lit at dusk."]


async def test_batches_with_the_same_files_in_another_order_do_not_block_each_other(send) -> None:
    files = [(f"{n}.txt", f"Lamp number {n} is lit.".encode()) for n in range(10)]
    batches = await asyncio.gather(*[send(*order) for order in (files, files[::-1], files, files[::-1])])
    assert len({item["id"] for batch in batches for item in batch}) == 10


async def test_versions_sent_at_once_are_served_one_at_a_time(send, work, search, client) -> None:
    batches = await asyncio.gather(*[send(("a.txt", f"Lamp of version {n}.".encode())) for n in range(6)])
    assert {batch[0]["version"] for batch in batches} == {1, 2, 3, 4, 5, 6}
    assert len({batch[0]["id"] for batch in batches}) == 1
    await work()
    document = (await client.get(f"/v1/documents/{batches[0][0]['id']}")).json()
    assert (document["status"], document["live_version"]) == ("published", 6)
    assert len(await search("lamp version")) == 1


async def test_a_worker_that_wakes_up_too_late_changes_nothing(state, tenant, send) -> None:
    """The first worker sleeps between parsing and publishing; a second one takes over; the first finds it out."""
    (item,) = await send(("a.txt", LAMPS))
    await drop_jobs(state)
    asleep, wake = asyncio.Event(), asyncio.Event()

    class Sleepy(Fused):
        def __getattr__(self, name: str) -> Any:
            async def call(*args: Any, **kwargs: Any) -> Any:
                if name == "prepare":
                    asleep.set()
                    await wake.wait()
                return await getattr(self.real, name)(*args, **kwargs)

            return call

    room = state.ingestion
    sleepy = Ingestion(replace(room.deps, retrieval=Sleepy(room.deps.retrieval, Fuse(0))))
    late = asyncio.create_task(sleepy.process(tenant, UUID(item["id"]), 1))
    await asleep.wait()
    assert (await room.process(tenant, UUID(item["id"]), 1)).status == "published"
    before = await state.retrieval.corpus_version(tenant)
    wake.set()
    assert (await late).status == "superseded"
    assert await state.retrieval.corpus_version(tenant) == before


async def test_a_poison_document_is_dead_lettered_and_the_queue_moves_on(
    state, send, client, work, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Poisoned(Fused):
        def __getattr__(self, name: str) -> Any:
            async def call(*args: Any, **kwargs: Any) -> Any:
                if name == "prepare" and "poison" in args[0].title:
                    raise ZeroDivisionError
                return await getattr(self.real, name)(*args, **kwargs)

            return call

    room = state.ingestion
    broken = Ingestion(replace(room.deps, retrieval=Poisoned(room.deps.retrieval, Fuse(0))))
    monkeypatch.setattr(jobs, "MAX_FAILURES", 2)
    specs = job_specs(broken)
    poison, good = await send(("poison.txt", b"The lamp is broken."), ("good.txt", b"The lamp is whole."))
    worker = asyncio.create_task(Worker(state.database, specs, 1).run())

    async def shown() -> dict[str, Any]:
        return (await client.get(f"/v1/documents/{poison['id']}")).json()

    async def through() -> bool:
        return (await shown())["status"] in ("quarantined", "published")

    await until(through)
    document = await shown()
    worker.cancel()
    with pytest.raises(asyncio.CancelledError):
        await worker
    assert document["quarantine"]["reason"] == "processing_failed"
    assert "ZeroDivisionError" in document["quarantine"]["detail"]
    assert (await client.get(f"/v1/documents/{good['id']}")).json()["status"] == "published"
    await client.post(f"/v1/quarantine/{document['quarantine']['id']}/release")
    await work()
    assert (await client.get(f"/v1/documents/{poison['id']}")).json()["status"] == "published"


class Interrupted(Fused):
    """A parser that a busy machine interrupts so many times."""

    def __init__(self, real: Any, times: int) -> None:
        super().__init__(real, Fuse(0))
        self.times = times

    def __getattr__(self, name: str) -> Any:
        async def call(*args: Any, **kwargs: Any) -> Any:
            self.times -= 1
            if self.times >= 0:
                raise ParserInterrupted("The file was not read within 60 s on the clock.")
            return await getattr(self.real, name)(*args, **kwargs)

        return call


async def ended_by(specs: Any, state: State, client: Any, document: str) -> dict[str, Any]:
    """The document once a worker with these jobs has ended it."""
    worker = asyncio.create_task(Worker(state.database, specs, 1).run())
    shown: dict[str, Any] = {"status": "received"}
    while shown["status"] not in ("quarantined", "published"):
        await asyncio.sleep(0.2)
        shown = (await client.get(f"/v1/documents/{document}")).json()
    worker.cancel()
    with pytest.raises(asyncio.CancelledError):
        await worker
    return shown


async def test_a_parser_that_a_busy_machine_interrupts_is_tried_again(state, send, client) -> None:
    room = state.ingestion
    busy = Ingestion(replace(room.deps, parser=Interrupted(room.deps.parser, 2)))
    (item,) = await send(("a.txt", b"The lamp is lit at dusk."))
    document = await ended_by(job_specs(busy), state, client, item["id"])
    assert document["status"] == "published"
    assert (await client.get("/v1/quarantine", params={"waiting": False})).json()["items"] == []


async def test_one_that_is_interrupted_in_every_attempt_waits_for_a_person_to_try_again(
    state, send, client, work, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "MAX_FAILURES", 2)
    room = state.ingestion
    busy = Ingestion(replace(room.deps, parser=Interrupted(room.deps.parser, 99)))
    (item,) = await send(("a.txt", b"The lamp is lit at dusk."))
    held = (await ended_by(job_specs(busy), state, client, item["id"]))["quarantine"]
    assert held["reason"] == "processing_failed"
    assert "not read within 60 s on the clock" in held["detail"]
    await client.post(f"/v1/quarantine/{held['id']}/release")
    await work()
    assert (await client.get(f"/v1/documents/{item['id']}")).json()["status"] == "published"


async def test_what_cannot_be_published_together_is_published_one_by_one(state, tenant, send) -> None:
    class Narrow(Fused):
        def __getattr__(self, name: str) -> Any:
            async def call(*args: Any, **kwargs: Any) -> Any:
                if name == "publish_all" and (len(args[1]) > 1 or "poison" in args[1][0].request.title):
                    raise ZeroDivisionError
                return await getattr(self.real, name)(*args, **kwargs)

            return call

    room = state.ingestion
    narrow = Ingestion(replace(room.deps, retrieval=Narrow(room.deps.retrieval, Fuse(0))))
    files = [(f"{name}.txt", f"The {name} lamp hangs in the hall.".encode()) for name in ("good", "poison", "other")]
    good, poison, other = [UUID(item["id"]) for item in await send(*files)]
    await drop_jobs(state)
    ended = await narrow.process_all(tenant, {good: 1, poison: 1, other: 1})
    assert ended[good] == ended[other] == ProcessingResult("published")
    assert isinstance(ended[poison], ZeroDivisionError)


async def test_one_that_was_overtaken_keeps_the_others_of_its_job_from_nothing(state, tenant, send, search) -> None:
    old, good = await send(("old.txt", b"The old lamp is dim."), ("good.txt", b"The good lamp is bright."))
    (new,) = await send(("old.txt", b"The new lamp is bright too."))
    await drop_jobs(state)
    ended = await state.ingestion.process_all(tenant, {UUID(old["id"]): 1, UUID(good["id"]): 1})
    assert (ended[UUID(old["id"])].status, ended[UUID(good["id"])].status) == ("superseded", "published")
    assert (await state.ingestion.process(tenant, UUID(new["id"]), 2)).status == "published"
    assert sorted(await search("lamp bright")) == ["The good lamp is bright.", "The new lamp is bright too."]


@dataclass(frozen=True)
class FullDisk:
    """Every insert into `table` fails as it does on a full disk, until there is space."""

    urls: Urls
    table: str
    name: str

    def run(self, *statements: str) -> Any:
        with psycopg.connect(self.urls.owner, autocommit=True) as connection:
            return [connection.execute(statement) for statement in statements][-1]  # type: ignore[arg-type]

    def fill(self) -> None:
        # What a sequence has given out is not taken back with the transaction.
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


async def test_an_upload_to_a_full_disk_is_507_and_leaves_nothing(client, database_urls: Urls, ingest) -> None:
    with full_disk(database_urls, "document_versions"):
        reply = await client.post("/v1/documents", files={"files": ("a.txt", b"The lamp is lit.")})
        assert (reply.status_code, reply.json()["code"]) == (507, "storage_full")
        assert (await client.get("/v1/documents")).json()["items"] == []
    (document,) = await ingest(("a.txt", b"The lamp is lit."))
    assert (document["status"], document["version"]) == ("published", 1)


async def test_a_disk_that_fills_while_publishing_only_delays_it(send, client, work, search, database_urls) -> None:
    (item,) = await send(("a.txt", b"The lamp is lit."))
    with full_disk(database_urls, "chunks") as disk:
        working = asyncio.create_task(work())
        await until(lambda: disk.refused() > 1)
        assert await search("lamp") == []
        assert (await client.get(f"/v1/documents/{item['id']}")).json()["status"] == "processing"
        disk.free()
        await working
    assert await search("lamp") == ["The lamp is lit."]
