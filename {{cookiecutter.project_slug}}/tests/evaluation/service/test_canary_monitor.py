"""A canary in production is judged by the recorded answers, and ended automatically."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from app.core.background import background
from app.core.clock import ManualClock
from app.evaluation.service import CanaryMonitor
from app.identity.domain import Principal
from app.releases.domain import EvaluationEvidence, NoCanary
from app.wiring import State
from tests.clock import until
from tests.conftest import adopt
from tests.samples import total

INSERT = """
insert into answers (id, tenant_id, key_id, created_at, question, status, model, release_id, corpus_version, trace_id,
                     body, environment, arm, unit, conditions)
values (%s, %s, null, now(), 'q', %s, 'extractive', %s, 0, 't', %s::jsonb, 'production', %s, %s, '{}'::jsonb)
"""
BODY = (
    '{{"degraded": false, "findings": [], "groundedness": 1.0, "timings_ms": {{"total": {ms}}}, "cost_micro_usd": 100}}'
)


async def start_canary(state: State, tenant: UUID) -> None:
    """Half of the traffic for a new, approved release."""
    changes = {"refusal.words": 0.2 + datetime.now(UTC).microsecond / 1e8}
    release = await state.releases.create("ada", base=state.environments.current().id, changes=changes)
    async with state.database.transaction(None) as connection:
        await state.releases.mark_evaluated(connection, release.id, "evaluator", EvaluationEvidence("a" * 64, "PASS"))
    grace = Principal(tenant, UUID(int=1), "grace", frozenset({"service"}))
    await state.approvals.approve(grace, release.id, "looks good")
    await state.rollouts.start_canary("ada", release.id, 50, "carefully")


@pytest_asyncio.fixture
async def canaries(state: State, tenant: UUID) -> AsyncIterator[CanaryMonitor]:
    """An approved canary, judged by the answers of one tenant."""
    await state.environments.refresh()
    await adopt(state)
    await start_canary(state, tenant)

    async def tenants() -> list[UUID]:
        return [tenant]

    yield replace(state.canaries, tenants=tenants)
    if await state.environments.canary():
        await state.rollouts.end_canary("ada", "the test is over")


async def serve(
    state: State, tenant: UUID, arm: str, *, by: str = "", answers: int = 400, refused: float = 0.0, ms: float = 50
):
    """Record answers of 100 conversations on one side, as the pipeline does. by: "canary" for its release."""
    standing = state.environments.served()
    release = standing.canary if (by or arm) == "canary" else standing.live
    assert release
    async with state.database.pipeline(tenant) as connection:
        for number in range(answers):
            status = "refused" if number < refused * answers else "answered"
            values = (uuid4(), tenant, status, release.id, BODY.format(ms=ms + number % 7), arm, f"{arm}{number % 100}")
            await connection.execute(INSERT, values)


async def test_without_answers_nothing_is_decided(state: State, canaries: CanaryMonitor) -> None:
    found = await canaries.enforce()
    assert found
    assert (found.decision.verdict, found.canary_answers) == ("HOLD", 0)
    assert await state.environments.canary()


async def test_answers_of_neither_side_decide_nothing(state: State, canaries: CanaryMonitor, tenant: UUID) -> None:
    """Such as those of a process that has not heard of the canary yet."""
    for arm, by in (("live", "live"), ("live", "canary"), ("control", "canary"), ("canary", "live")):
        await serve(state, tenant, arm, by=by, answers=10)
        found = await canaries.status()
        assert (found.control_answers, found.canary_answers) == (0, 0), (arm, by)


async def test_harm_ends_the_canary_and_the_reason_is_stored(
    state: State, canaries: CanaryMonitor, tenant: UUID
) -> None:
    await serve(state, tenant, "control")
    await serve(state, tenant, "canary", refused=0.6)
    before = total("app_canary_checks_total", verdict="FAIL")
    found = await canaries.enforce()
    assert found
    assert found.decision.verdict == "FAIL"
    assert total("app_canary_checks_total", verdict="FAIL") == before + 1
    assert await state.environments.canary() is None
    history = await state.releases.history(found.canary.release_id)
    assert (history.state, history.events[-1].actor) == ("rolled_back", "canary judge")
    assert "refusals" in history.events[-1].reason
    assert state.environments.served().assign("anyone")[1] == "live"


async def test_a_canary_that_answers_like_the_control_passes_and_waits_for_a_person(
    state: State, canaries: CanaryMonitor, tenant: UUID
) -> None:
    for _ in range(5):
        await serve(state, tenant, "control")
        await serve(state, tenant, "canary")
    found = await canaries.enforce()
    assert found
    assert found.decision.verdict == "PASS", found.decision.reasons
    assert await state.environments.canary()


async def test_a_passing_canary_is_promoted_where_the_policy_says_so(
    state: State, canaries: CanaryMonitor, tenant: UUID
) -> None:
    for _ in range(5):
        await serve(state, tenant, "control")
        await serve(state, tenant, "canary")
    alone = replace(canaries, policy=canaries.policy.model_copy(update={"promote": "automatic"}))
    found = await alone.enforce()
    assert found
    assert state.environments.current().id == found.canary.release_id
    assert await state.environments.canary() is None


async def test_at_the_deadline_an_inconclusive_canary_ends(state: State, canaries: CanaryMonitor) -> None:
    later = ManualClock(datetime.now(UTC) + timedelta(hours=canaries.policy.deadline_hours + 1))
    found = await replace(canaries, clock=later).enforce()
    assert found
    assert found.decision.verdict == "FAIL"
    assert "deadline" in found.decision.reasons[0]
    assert await state.environments.canary() is None


async def test_two_workers_that_judge_at_once_end_it_once(state: State, canaries: CanaryMonitor, tenant: UUID) -> None:
    await serve(state, tenant, "control")
    await serve(state, tenant, "canary", refused=0.6)
    await asyncio.gather(*(canaries.enforce() for _ in range(4)))
    moves = await state.environments.moves(limit=2)
    assert [move.kind for move in moves] == ["canary_ended", "canary"]


async def test_a_worker_monitors_the_canary(state: State, canaries: CanaryMonitor, tenant: UUID) -> None:
    await serve(state, tenant, "control")
    await serve(state, tenant, "canary", refused=0.6)

    async def ended() -> bool:
        return not await state.environments.canary()

    async with background(canaries.watch):
        await until(ended)


async def test_an_unexpected_error_does_not_end_the_monitoring(
    state: State, canaries: CanaryMonitor, tenant: UUID
) -> None:
    await serve(state, tenant, "control")
    await serve(state, tenant, "canary", refused=0.6)
    errors = [ZeroDivisionError]

    async def tenants() -> list[UUID]:
        if errors:
            raise errors.pop()
        return await canaries.tenants()

    async def ended() -> bool:
        return not await state.environments.canary()

    async with background(replace(canaries, tenants=tenants).watch, restart_seconds=0):
        await until(ended)


async def test_without_a_canary_nothing_is_judged(state: State) -> None:
    await state.environments.refresh()
    await adopt(state)
    with pytest.raises(NoCanary):
        await state.canaries.status()
    assert await state.canaries.enforce() is None
