"""A worker process ends a harmful canary by itself."""

import subprocess
import sys
from datetime import UTC, datetime
from uuid import UUID, uuid4

from app.core.embedded import Urls
from app.identity.domain import Principal
from app.releases.domain import EvaluationEvidence
from app.retrieval.domain import PublishRequest
from app.wiring import State
from tests.clock import until
from tests.conftest import ROOT, adopt
from tests.e2e.conftest import environment
from tests.evaluation.service.test_canary_monitor import serve


async def test_a_worker_process_ends_a_harmful_canary(state: State, tenant: UUID, database_urls: Urls) -> None:
    await state.environments.refresh()
    await adopt(state)
    await begin(state, tenant)
    await serve(state, tenant, "control")
    await serve(state, tenant, "canary", refused=0.6)
    variables = {"DATABASE_URL": database_urls.service, "APP_EMBEDDER": "none"}
    worker = subprocess.Popen(  # noqa: ASYNC220, it has only to be started
        [sys.executable, "-m", "app", "worker"],
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
    changes = {"refusal.words": 0.2 + datetime.now(UTC).microsecond / 1e8}
    release = await state.releases.create("ada", base=state.environments.current().id, changes=changes)
    async with state.database.transaction(None) as connection:
        await state.releases.mark_evaluated(connection, release.id, "evaluator", EvaluationEvidence("a" * 64, "PASS"))
    grace = Principal(tenant, UUID(int=1), "grace", frozenset({"service"}))
    await state.approvals.approve(grace, release.id, "looks good")
    await state.rollouts.start_canary("ada", release.id, 50, "carefully")
