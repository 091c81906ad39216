"""What monitoring derives from a question goes with the question, and only then."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from app.core.clock import ManualClock
from app.identity.domain import Principal
from app.privacy.domain.monitored_tables import MONITORED
from app.privacy.domain.requests import Selection
from app.privacy.service import Privacy
from app.wiring import State
from tests.monitoring.traffic import Traffic

WHY = "request 18 of the person"
PERSON = "Berit Quellmalz"
QUESTIONS = [f"Why is the badge of {PERSON} refused at {door}?" for door in ("north", "south", "west", "east", "top")]


async def derived(state: State, tenant: UUID) -> dict[str, set[UUID]]:
    """The answers that each table of monitoring holds something of."""
    async with state.database.read(tenant) as connection:
        return {
            each.table: set((await connection.execute(text(f"select answer_id from {each.table}"))).scalars())
            for each in MONITORED
        }


@pytest.mark.parametrize("selector", ["subject", "tenant"])
async def test_vectors_and_candidates_are_erased_with_their_questions(
    state: State, privacy: Privacy, tenant: UUID, selector: str
) -> None:
    traffic = Traffic(state, tenant, ManualClock(at=state.clock.now()))
    caller = Principal(tenant, uuid4(), "ops", frozenset({"operator"}), frozenset())
    gone = {await traffic.refuse(each, ago=timedelta(minutes=5)) for each in QUESTIONS}
    stays = {await traffic.refuse(f"Where is bicycle shed {n}?", ago=timedelta(minutes=5)) for n in range(5)}
    await state.monitoring.failures.run(tenant)
    for pattern in (await state.monitoring.failures.page(caller, None, 10)).patterns:
        await state.monitoring.cases.propose(caller, pattern.stored.id, 10, f"{PERSON} asked for it")
    assert await derived(state, tenant) == {each.table: gone | stays for each in MONITORED}

    value = PERSON if selector == "subject" else str(tenant)
    done = await privacy.erasure.erase(tenant, Selection(selector, value), "officer", WHY)  # type: ignore[arg-type]
    assert done.state == "done"
    left = await derived(state, tenant)
    assert not left["question_vectors"] & gone
    assert left["question_vectors"] == (stays if selector == "subject" else set())
    assert left["case_candidates"] & gone == set()
    async with state.database.read(tenant) as connection:
        notes = (await connection.execute(text("select note from case_candidates"))).scalars().all()
    assert not [note for note in notes if PERSON in note]
    listed, _ = await state.monitoring.cases.candidates(caller, None, 10)
    assert not [each for each in listed if PERSON in each.question + each.candidate.note]
