"""Nobody reports on an answer that was not delivered, or whose documents their groups may not read."""

from collections.abc import Mapping, Sequence
from uuid import UUID

import httpx
import psycopg
import pytest

from app.core.embedded import Urls
from app.inference.domain.answer import AnswerNotFound
from app.inference.domain.human_review import AnswerHeld, ReviewPolicy
from app.monitoring.domain.outcomes import OutcomeReport
from app.wiring import State
from benchmarks.harness import work_off
from tests.conftest import adopt
from tests.inference.conftest import change_serving

NOTE = b"# Lighthouse\n\nThe lighthouse of Karlen was built in 1874 by the engineer Marta Holm.\n"
EVERY_ONE = {"name": "every-one", "send": "before", "due_minutes": 60}


async def ask(
    state: State, client: httpx.AsyncClient, key: str, group: str, rules: Sequence[Mapping[str, object]] = ()
) -> UUID:
    """An answer from a document that only a group may read. rules: of review."""
    await adopt(state)
    change_serving(state, review=ReviewPolicy.model_validate({"owner": "tests", "overlap": 0, "rules": rules}))
    file, headers = {"files": ("note.md", NOTE)}, {"authorization": f"Bearer {key}"}
    sent = await client.post("/v1/documents", files=file, data={"access_groups": group}, headers=headers)
    sent.raise_for_status()
    await work_off(state)
    asked = {"question": "When was the lighthouse of Karlen built?"}
    reply = await client.post("/v1/answers", json=asked, headers=headers)
    assert reply.json()["status"] == ("held" if rules else "answered"), reply.text
    return UUID(reply.json()["id"])


def stored(urls: Urls, answer: UUID) -> int:
    with psycopg.connect(urls.owner) as connection:
        query = "select from business_outcomes where answer_id = %s"
        return connection.execute(query, (answer,)).rowcount


async def test_an_outcome_is_reported_by_those_who_may_read_the_answer(
    state: State, client: httpx.AsyncClient, database_urls: Urls, tenant: UUID
) -> None:
    business, identity = state.monitoring.business, state.identity
    keys = [await identity.create_key(tenant, f"of {group}", ["admin"], [group]) for group in ("staff", "guests")]
    staff, guests = [await identity.authenticate(key.text) for key in keys]
    answer = await ask(state, client, keys[0].text, "staff")
    report = OutcomeReport(answer, "resolved")
    with pytest.raises(AnswerNotFound):
        await business.record(guests, report)
    assert stored(database_urls, answer) == 0
    assert (await business.record(staff, report))[1] == "recorded"
    assert stored(database_urls, answer) == 1


async def test_an_answer_that_waits_for_a_person_has_no_outcome(
    state: State, client: httpx.AsyncClient, database_urls: Urls, tenant: UUID
) -> None:
    key = await state.identity.create_key(tenant, "of staff", ["admin"], ["staff"])
    answer = await ask(state, client, key.text, "staff", [EVERY_ONE])
    caller = await state.identity.authenticate(key.text)
    with pytest.raises(AnswerHeld, match="is held"):
        await state.monitoring.business.record(caller, OutcomeReport(answer, "resolved"))
    headers = {"authorization": f"Bearer {key.text}"}
    refused = await client.post(f"/v1/answers/{answer}/outcome", json={"outcome": "resolved"}, headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (409, "answer_held")
    assert stored(database_urls, answer) == 0
