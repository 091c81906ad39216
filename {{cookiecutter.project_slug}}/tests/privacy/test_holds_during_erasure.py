"""A legal hold that is placed while what it is on is being erased."""

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from app.privacy.domain.requests import ErasureScope, PrivacyRequest, Selection
from app.privacy.service import Privacy
from app.privacy.service.steps import Steps
from app.wiring import State
from tests.clock import until
from tests.privacy.conftest import Plant
from tests.privacy.planted import SUBJECT, Garden
from tests.privacy.test_erasure import WHY, left, upload

IS_WAITED_FOR = "select count(*) from pg_stat_activity where %s = any(pg_blocking_pids(pid))"


@pytest.mark.parametrize("withdrawn", [False, True])
async def test_nothing_is_erased_after_a_hold_was_placed(
    plant: Plant,
    client: httpx.AsyncClient,
    privacy: Privacy,
    tenant: UUID,
    state: State,
    monkeypatch: pytest.MonkeyPatch,
    withdrawn: bool,
) -> None:
    """Neither a document, before any is withdrawn, nor anything of a store, after that."""
    garden = await plant(answers=1)
    document = await upload(client, state, f"# Vault\n\nThe vault of {SUBJECT} is below the bridge.\n")
    before, listed = left(garden), Steps.documents

    async def held(self: Steps, request: PrivacyRequest, scope: ErasureScope) -> Sequence[UUID]:
        await privacy.holds.place(tenant, "document", document, "officer", "proceeding 4711")
        return [] if withdrawn else await listed(self, request, scope)

    with monkeypatch.context() as patch:
        patch.setattr(Steps, "documents", held)
        request = await privacy.erasure.erase(tenant, Selection("subject", SUBJECT), "officer", WHY)
    assert (request.state, request.counters, request.ended_at) == ("blocked", {}, None)
    assert request.blocked_by == f"document {document} is under a legal hold: proceeding 4711"
    assert left(garden) == before
    await _erases_once_the_hold_is_lifted(privacy, tenant, request, garden)


async def _erases_once_the_hold_is_lifted(
    privacy: Privacy, tenant: UUID, request: PrivacyRequest, garden: Garden
) -> None:
    (hold,) = await privacy.holds.list(tenant)
    await privacy.holds.lift(tenant, hold.id, "officer", "the proceeding is over")
    assert (await privacy.erasure.resume(tenant, request.id)).state == "done"
    assert garden.by_store(left(garden)) == {}


async def test_a_hold_is_placed_after_what_is_being_erased_at_that_moment(
    privacy: Privacy, tenant: UUID, state: State
) -> None:
    """So that nothing goes that a hold is on once it was placed."""
    document = uuid4()
    async with state.database.transaction(tenant) as connection:
        assert await privacy.holds.on(connection, tenant, ErasureScope(documents=(document,))) is None
        (pid,) = (await connection.exec_driver_sql("select pg_backend_pid()")).one()
        placing = asyncio.create_task(privacy.holds.place(tenant, "document", document, "officer", "proceeding 4711"))

        async def placed_or_waiting() -> Any:
            return placing.done() or (await state.database.ask(IS_WAITED_FOR, (pid,)))[0][0]

        await until(placed_or_waiting)
        assert not placing.done()
    await placing
