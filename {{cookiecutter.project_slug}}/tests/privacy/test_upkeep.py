"""What a running worker and the start of a process do by themselves."""

import asyncio
import signal
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import httpx
import psycopg
import pytest
import pytest_asyncio

from app.core.background import background
from app.core.embedded import Urls
from app.core.operation_runs import last_runs
from app.core.operations import OperationRun
from app.core.retention import RetentionRules
from app.privacy.service import Privacy
from app.privacy.service.retention import Retention
from app.wiring import State
from app.worker import work
from tests.clock import until
from tests.conftest import override
from tests.e2e.conftest import app
from tests.forks import Forks
from tests.privacy.conftest import Plant
from tests.privacy.test_erasure import ADA, WHY, ask
from tests.samples import total


async def last_sweep(state: State) -> OperationRun:
    async with state.database.read(None) as connection:
        return next(run for run in await last_runs(connection) if run.kind == "retention")


async def test_a_sweep_is_on_record_and_one_that_failed_for_a_tenant_did_not_pass(
    state: State, tenant: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    await state.privacy.upkeep.sweep()
    assert (await last_sweep(state)).passed

    async def fails(*_: object) -> None:
        raise RuntimeError("the disk is gone")

    monkeypatch.setattr(Retention, "expire", fails)
    await state.privacy.upkeep.sweep()
    last = await last_sweep(state)
    assert not last.passed
    assert last.detail.endswith("of them failed")


@pytest_asyncio.fixture
async def aged(privacy: Privacy, client: httpx.AsyncClient, database_urls: Urls) -> AsyncIterator[str]:
    """An answer that is older than it may be."""
    rules = privacy.retention.rules
    override(privacy.retention, rules=RetentionRules(answers=30))
    answer = await ask(client, "Is the harbour open?")
    with psycopg.connect(database_urls.owner) as owner:
        owner.execute("update answers set created_at = now() - interval '40 days' where id = %s", (answer["id"],))
    yield str(answer["id"])
    override(privacy.retention, rules=rules)


async def test_a_running_worker_erases_what_is_too_old(state: State, client: httpx.AsyncClient, aged: str) -> None:
    async def gone() -> bool:
        return (await client.get(f"/v1/answers/{aged}")).status_code == 404

    assert not await gone()
    elsewhere = replace(state, settings=state.settings.model_copy(update={"worker_metrics_port": 0}))
    try:
        async with background(lambda: work(elsewhere)):
            await until(gone)
    finally:
        for name in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().remove_signal_handler(name)


async def test_what_fails_for_one_tenant_is_no_obstacle_for_the_others(
    stranger: tuple[UUID, httpx.AsyncClient],
    privacy: Privacy,
    client: httpx.AsyncClient,
    tenant: UUID,
    aged: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    expire, (broken, _), tenants = Retention.expire, stranger, await privacy.keys.tenants()
    assert tenants.index(broken) < tenants.index(tenant)

    async def fails(self: Retention, tenant_id: UUID) -> dict[str, int]:
        if tenant_id == broken:
            raise OSError("the disk is away")
        return await expire(self, tenant_id)

    monkeypatch.setattr(Retention, "expire", fails)
    before = total("app_expired_total", kind="answers")
    await privacy.upkeep.sweep()
    assert (await client.get(f"/v1/answers/{aged}")).status_code == 404
    assert total("app_expired_total", kind="answers") == before + 1


@pytest.mark.parametrize("command", ["serve", "worker"])
async def test_no_process_starts_on_a_restored_database(
    command: str, plant: Plant, privacy: Privacy, tenant: UUID, database_urls: Urls, tmp_path: Path, forks: Forks
) -> None:
    await plant(answers=1)
    done = await privacy.erasure.erase(tenant, ADA, "officer", WHY)
    with psycopg.connect(database_urls.owner) as owner:
        owner.execute("delete from privacy_requests where id = %s", (done.id,))
    variables = {"DATABASE_URL": database_urls.service, "APP_EMBEDDER": "none", "APP_MASTER_KEY": "m" * 64}
    variables |= {"APP_TOMBSTONES": str(privacy.tombstones.file.path), "APP_PORT": "0"}
    forked = forks.command("app")
    ended = await asyncio.to_thread(app, tmp_path, command, command=forked, **variables)
    assert ended.returncode == 1
    assert "run 'app privacy reapply'" in ended.stderr
    await privacy.tombstones.reapply([tenant])
