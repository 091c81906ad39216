"""The corpus does not change during an evaluation: it waits for other workers, and gives no verdict after a change."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from app.core.jobs import Worker
from app.evaluation.domain.report import Report
from app.evaluation.domain.runs import CorpusBusy, CorpusChanged, CorpusRefused
from app.evaluation.service import Evaluations
from app.evaluation.service.corpus_sync import CorpusSync
from app.evaluation.service.rendering import as_html, as_markdown
from app.identity.domain import Principal
from app.ingestion.domain.documents import Upload, upload_options
from app.ingestion.domain.parsed_document import ParserInterrupted
from app.wiring import State
from tests.clock import leap, until
from tests.evaluation.conftest import House
from tests.evaluation.service.test_evaluations import alone, draft, evaluate


async def keeper(service: State, house: House) -> Principal:
    from app.evaluation.service.corpus_sync import _corpus_operator

    return _corpus_operator(await service.identity.ensure_tenant(house.tenant))


async def put(service: State, house: House, name: str, said: str) -> None:
    """Upload a document as any client does; a worker still has to process it."""
    caller = await keeper(service, house)
    common = upload_options("others", None, {})
    await service.ingestion.upload(caller, common, [Upload(name, said.encode(), name)])


def with_library(evaluations: Evaluations, **changes: Any) -> Evaluations:
    return replace(evaluations, corpus_sync=replace(evaluations.corpus_sync, **changes))


async def test_a_report_names_the_corpus_version_that_was_measured(service: State, house: House) -> None:
    run, report = await evaluate(alone(service), await draft(service))
    version = await service.retrieval.corpus_version(await service.identity.tenant(house.tenant))
    assert report.corpus == run.corpus == {house.tenant: version}
    told = f"corpus version {version} of tenant {house.tenant}"
    assert told in as_markdown(report)
    assert told in as_html(report)
    assert Report.read(report.canonical, report.digest) == report


async def test_a_report_from_before_the_corpus_was_kept_is_read_as_it_was(service: State) -> None:
    _, report = await evaluate(alone(service), await draft(service))
    old = report.model_copy(update={"corpus": {}})
    old = old.model_copy(update={"seal": old._sealed()})
    assert b"corpus" not in old.canonical.replace(b"corpus_version", b"")
    assert Report.read(old.canonical, old.digest) == old


async def test_the_evaluation_waits_for_documents_of_other_workers(service: State, house: House) -> None:
    """A document of another client is published while the evaluation waits, and so is part of its corpus."""
    await put(service, house, "other.txt", "The ferry over the Sarn was given up in 1931.")
    said: list[tuple[str, int, int]] = []
    working: list[asyncio.Task[None]] = []

    def tell(what: str, done: int, total: int) -> None:
        said.append((what, done, total))
        if what.startswith("Waiting") and not working:
            working.append(asyncio.create_task(Worker(service.database, service.jobs, 1).run()))

    run = await alone(service).start("ada", (await draft(service)).id, queued=False)
    ended = await alone(service).execute(run.id, tell)
    working[0].cancel()
    assert ended.status == "done"
    waits = [each for each in said if each[0].startswith("Waiting")]
    assert (waits[0][1:], waits[-1][1:]) == ((0, 1), (1, 1))
    assert await service.ingestion.count_unfinished(await keeper(service, house)) == 0


async def test_the_evaluation_waits_for_its_own_document_at_another_worker(service: State, house: House) -> None:
    """Another worker takes the last document and publishes it later; the evaluation waits for that."""
    room, library = service.ingestion, service.evaluations.corpus_sync
    released = asyncio.Event()
    others: list[asyncio.Task[Any]] = []

    class Overtaken:
        def __getattr__(self, name: str) -> Any:
            return getattr(room, name)

        async def process_all(self, tenant_id: Any, versions: Any) -> Any:
            wanted = dict(versions)

            async def other() -> None:
                await released.wait()
                await room.process_all(tenant_id, wanted)

            others.append(asyncio.create_task(other()))
            from app.ingestion.service.processing import SUPERSEDED

            return dict.fromkeys(wanted, SUPERSEDED)

    slow = replace(library, ingestion=Overtaken())  # type: ignore[arg-type]
    bringing = asyncio.create_task(slow.sync(service.evaluations.suites.corpus()))
    await until(lambda: others)
    await leap(1)
    assert not bringing.done()
    released.set()
    await bringing
    assert await room.count_unfinished(await keeper(service, house)) == 0


async def test_an_unprocessed_document_ends_the_wait_and_the_run_can_be_repeated(service: State, house: House) -> None:
    await put(service, house, "other.txt", "The ferry over the Sarn was given up in 1931.")
    impatient = with_library(alone(service), patience=0.5)
    run = await impatient.start("ada", (await draft(service)).id, queued=False)
    with pytest.raises(CorpusBusy, match=f"1 document of tenant {house.tenant} made no progress"):
        await impatient.execute(run.id)
    await Worker(service.database, service.jobs, 1).run(wait=False)
    assert (await impatient.execute(run.id)).status == "done"


async def test_a_run_whose_documents_changed_ends_without_a_verdict(service: State, house: House) -> None:
    evaluations = alone(service)
    run = await evaluations.start("ada", (await draft(service)).id, queued=False)
    moved: list[bool] = []

    async def publish_another() -> None:
        await put(service, house, "other.txt", "The ferry over the Sarn was given up in 1931.")
        await Worker(service.database, service.jobs, 1).run(wait=False)

    class Moving:
        def __getattr__(self, name: str) -> Any:
            return getattr(evaluations.case_runner, name)

        async def run(self, *arguments: Any) -> Any:
            asked = await evaluations.case_runner.run(*arguments)
            if not moved:
                moved.append(True)
                await publish_another()
            return asked

    moving = replace(evaluations, case_runner=Moving())  # type: ignore[arg-type]
    with pytest.raises(CorpusChanged, match=f"tenant {house.tenant} was at corpus version"):
        await moving.execute(run.id)
    ended = await evaluations.find(run.id)
    assert (ended.status, ended.verdict, ended.report) == ("failed", None, None)
    assert ended.problem
    assert "changed during the evaluation" in ended.problem


async def test_a_parser_that_is_interrupted_does_not_end_the_evaluation(service: State, house: House) -> None:
    room, tried = service.ingestion, []

    class Busy:
        def __getattr__(self, name: str) -> Any:
            return getattr(room, name)

        async def process_all(self, tenant_id: Any, versions: Any) -> Any:
            tried.append(dict(versions))
            if len(tried) == 1:
                return {document: ParserInterrupted("busy") for document in versions}
            return await room.process_all(tenant_id, versions)

    await replace(service.evaluations.corpus_sync, ingestion=Busy()).sync(  # type: ignore[arg-type]
        service.evaluations.suites.corpus()
    )
    assert tried[0] == tried[1]
    assert await room.count_unfinished(await keeper(service, house)) == 0


def test_a_file_of_the_corpus_that_cannot_be_read_is_named(service: State, house: House) -> None:
    (house.root / "library" / "gone.md").symlink_to(house.root / "nothing.md")
    library: CorpusSync = service.evaluations.corpus_sync
    with pytest.raises(CorpusRefused, match=r"library/gone\.md: There is no such file"):
        library._files(service.evaluations.suites.corpus().folders[0])
