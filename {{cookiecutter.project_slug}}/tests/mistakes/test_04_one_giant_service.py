import grimp
import httpx
import pytest

from app.core.embedded import Urls
from app.core.jobs import Worker
from app.settings import Settings
from app.wiring import build


async def test_what_one_process_takes_in_another_works_off(
    client: httpx.AsyncClient, send, settings: Settings, database_urls: Urls
) -> None:
    (taken,) = await send(("lamp.md", b"# Lamps\n\nThe lamp of the harbour is lit at dusk."))
    async with build(settings, database_urls) as worker:
        await Worker(worker.database, worker.jobs, concurrency=1).run(wait=False)
    assert (await client.get(f"/v1/documents/{taken['id']}")).json()["status"] == "published"


@pytest.mark.parametrize(
    ("room", "unknown"),
    [
        ("retrieval", {"inference", "ingestion", "evaluation", "governance"}),
        ("inference", {"ingestion", "evaluation", "governance"}),
        ("ingestion", {"inference", "evaluation", "governance"}),
    ],
)
def test_a_room_does_not_know_who_uses_it(room: str, unknown: set[str]) -> None:
    known = grimp.build_graph("app").find_upstream_modules(f"app.{room}", as_package=True)
    assert unknown & {module.split(".")[1] for module in known if "." in module} == set()


def test_nobody_reads_the_tables_of_another_room() -> None:
    graph = grimp.build_graph("app")
    inner = ("tables", "repository")
    wrong = {
        (importer, module)
        for module in graph.modules
        if module.count(".") >= 2 and module.split(".")[2] in inner
        for importer in graph.find_modules_that_directly_import(module)
        if importer.split(".")[1] not in (module.split(".")[1], "cli")
    }
    assert wrong == set()
