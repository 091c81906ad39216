"""A worker process ends a harmful canary by itself."""

import subprocess
from uuid import UUID, uuid4

from app.core.embedded import Urls
from app.retrieval.domain import PublishRequest
from app.wiring import State
from tests.clock import until
from tests.conftest import ROOT, adopt
from tests.e2e.conftest import environment
from tests.evaluation.service.test_canary_monitor import serve, start_canary
from tests.forks import Forks


async def test_a_worker_process_ends_a_harmful_canary(
    state: State, tenant: UUID, database_urls: Urls, forks: Forks
) -> None:
    await state.environments.refresh()
    await adopt(state)
    await begin(state, tenant)
    await serve(state, tenant, "control")
    await serve(state, tenant, "canary", refused=0.6)
    variables = {"DATABASE_URL": database_urls.service, "APP_EMBEDDER": "none"}
    worker = subprocess.Popen(  # noqa: ASYNC220, it has only to be started
        [*forks.command("app"), "worker"],
        cwd=ROOT,
        env=environment(state.settings.data_dir, **variables),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    async def ended() -> bool:
        return not await state.environments.canary()

    try:
        await until(ended)
    finally:
        worker.terminate()
        worker.wait(500)
    last = (await state.environments.moves(limit=1))[0]
    assert (last.kind, last.actor) == ("canary_ended", "canary judge")
    await state.environments.refresh()


async def begin(state: State, tenant: UUID) -> None:
    """Start an approved canary in a service whose tenant has a document."""
    document = PublishRequest(uuid4(), tenant, 1, "Tower", "tests", "tower.md", "The tower stands on a cliff.")
    prepared = await state.retrieval.prepare(document)
    async with state.database.transaction(tenant) as connection:
        await state.retrieval.publish(connection, prepared)
    await start_canary(state, tenant)
