"""A process is killed while money is reserved for a call: nothing is charged, and the reservation expires."""

import asyncio
from pathlib import Path
from uuid import UUID

import httpx
import psycopg
import pytest

from app.adapters.chat.standin import Fault, StandIn
from app.core.embedded import Urls
from app.wiring import State
from tests.clock import until
from tests.e2e.test_death import BODY, MODEL, api, go_live_with, live_again, publish, rows
from tests.forks import KILL, Forks

__all__ = ["live_again"]


@pytest.mark.usefixtures("live_again")
async def test_the_reservations_of_a_killed_process_expire_without_a_charge(
    state: State, tenant: UUID, key: str, database_urls: Urls, tmp_path: Path, forks: Forks
) -> None:
    await publish(state, tenant)
    await state.costs.budgets.set("tests", tenant, "day", 100_000, "a test needs it")
    async with StandIn(MODEL) as model:
        common = await go_live_with(model, state, database_urls)
        model.faults.append(Fault(hang=1000))
        headers = {"Authorization": f"Bearer {key}"}
        async with api(tmp_path, forks, **common) as (process, client):
            asking = asyncio.ensure_future(client.post("/v1/answers", json=BODY, headers=headers))
            await until(lambda: model.calls)
            process.send_signal(KILL)
            with pytest.raises(httpx.TransportError):
                await asking
    held = (await state.costs.budgets.current(tenant))[2]
    assert held.held_micro_usd > 0
    with psycopg.connect(database_urls.owner) as connection:
        connection.execute("update budget_holds set expires_at = now() where scope = %s", (tenant,))
    after = (await state.costs.budgets.current(tenant))[2]
    assert (after.committed_micro_usd, after.held_micro_usd) == (0, 0)
    assert await rows(state, tenant, "select 1 from ledger") == []
