"""The gate of production asks for readiness."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from app.governance.domain.approval_rules import NotReady
from app.settings import Settings
from tests.conftest import FreshDatabase
from tests.governance.ready_service import ReadyService, by_process, open_ready_service
from tests.governance.test_readiness import operation


@pytest_asyncio.fixture
async def moved(fresh_database: FreshDatabase, settings: Settings, tmp_path: Path) -> AsyncIterator[ReadyService]:
    """One whose releases a test moves: the next rollback of it has no target."""
    with fresh_database() as urls:
        async with open_ready_service(settings, urls, tmp_path / "moved") as service:
            yield service


async def test_the_gate_of_production_refuses_a_release_by_the_name_of_the_red_check(moved: ReadyService) -> None:
    state, gated = moved.state, by_process(environment="production")
    live = state.environments.current()
    async with state.database.read(None) as connection:
        earlier = await state.environments.move_writer.earlier(connection, "production", live.id)
    assert earlier
    with gated(moved), operation("backup")(moved), moved.policy("readiness", gate={"production": ("rollback.backup",)}):
        with pytest.raises(NotReady, match=r"rollback\.backup"):
            await state.rollouts.activate("ana", earlier, "ship it")
        with pytest.raises(NotReady, match=r"rollback\.backup"):
            await state.rollouts.start_canary("ana", earlier, 10, "try it")
        await state.rollouts.activate("ana", earlier, "production is on fire", break_glass=True)
    assert state.environments.current().id == earlier
    (emergency, *_) = await state.approvals.emergencies()
    assert (emergency.approval.release_id, emergency.review) == (earlier, None)
    await state.rollouts.rollback("ana", "the fire is out")
    assert state.environments.current().id == live.id
