"""A process that is stopped releases its reservations, and the embedded server stops with the last process."""

import os
import signal
from pathlib import Path
from uuid import UUID

import psutil
import pytest

from app.adapters.chat.standin import StandIn
from app.core.embedded import Urls
from app.wiring import State
from tests.e2e.conftest import start
from tests.e2e.test_death import BODY, MODEL, api, go_live_with, live_again, publish, rows  # noqa: F401
from tests.forks import Forks


@pytest.mark.usefixtures("live_again")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_stopped_process_releases_its_reservations(
    state: State, tenant: UUID, key: str, database_urls: Urls, tmp_path: Path, forks: Forks, number: signal.Signals
) -> None:
    await publish(state, tenant)
    async with StandIn(MODEL) as model:
        variables = await go_live_with(model, state, database_urls)
        async with api(tmp_path, forks, **variables) as (process, client):
            answered = await client.post("/v1/answers", json=BODY, headers={"Authorization": f"Bearer {key}"})
            assert answered.json()["model"] == MODEL, answered.text
            assert (await state.costs.budgets.current(tenant))[0].held_micro_usd > 0  # shared with the calls to come
            process.send_signal(number)
            await process.wait()
    assert await rows(state, tenant, "select count(*) from ledger") == [(1,)]
    assert (await state.costs.budgets.current(tenant))[0].held_micro_usd == 0


@pytest.mark.slow
@pytest.mark.parametrize("part", ["serve", "worker"])
def test_the_embedded_server_stops_though_a_process_was_killed(tmp_path: Path, part: str) -> None:
    running = start(tmp_path, APP_EMBEDDER="none")
    try:
        server = psutil.Process(int((tmp_path / "postgres" / "postmaster.pid").read_text().split()[0]))
        [child] = [each for each in psutil.Process(running.process.pid).children() if each.cmdline()[-1] == part]
        os.kill(child.pid, signal.SIGKILL)
        running.process.wait(120)
        assert not server.is_running() or server.status() == psutil.STATUS_ZOMBIE  # nobody may have waited for it
    finally:
        running.stop()
