"""A response continues an earlier one of the same key, as far as its caller may still read it."""

from typing import Any
from uuid import UUID, uuid4

import pytest

from app.inference.domain.conversations.previous_response import MOST_TURNS, PreviousResponseNotFound
from app.inference.domain.conversations.turns import Turn
from app.inference.domain.human_review import AnswerHeld, ReviewPolicy
from app.inference.service import AnswerArchive, past_answers
from tests.inference.conftest import Service, change_serving
from tests.inference.forms import WHO
from tests.inference.test_responses import HOLD, created, post

LENGTH = "How long is the main span of the bridge?"


def archive_of(service: Service) -> AnswerArchive:
    found: AnswerArchive = service.state.provided[AnswerArchive]
    return found


async def turns(service: Service, response: dict[str, Any], key: str | None = None) -> tuple[Turn, ...]:
    caller = await service.state.identity.authenticate(key or service.key)
    found = await past_answers(archive_of(service), caller, UUID(response["answer"]["id"]))
    return await service.state.answers.turns_of(caller, found)


async def test_the_turns_before_are_found_in_their_order(service: Service) -> None:
    first = await created(service)
    second = await created(service, input=LENGTH, previous_response_id=first["id"])
    assert second["previous_response_id"] == first["id"]
    found = await turns(service, second)
    assert [turn.question for turn in found] == [WHO, LENGTH]
    assert [turn.answer for turn in found] == [first["answer"]["text"], second["answer"]["text"]]


async def test_a_long_conversation_is_cut_to_its_last_turns(service: Service) -> None:
    last = await created(service)
    for _ in range(MOST_TURNS):
        last = await created(service, input=LENGTH, previous_response_id=last["id"])
    assert [turn.question for turn in await turns(service, last)] == [LENGTH] * MOST_TURNS


async def test_the_response_of_another_key_is_not_found(service: Service) -> None:
    first = await created(service)
    other = (await service.state.identity.create_key(service.tenant, "other", ["user"])).text
    for bearer, address in ((other, first["id"]), (None, "resp_1"), (None, f"resp_{uuid4().hex}")):
        reply = await post(service, bearer=bearer, previous_response_id=address)
        assert (reply.status_code, reply.json()["error"]["code"]) == (404, "previous_response_not_found")
        assert reply.json()["error"]["param"] == "previous_response_id"


async def test_an_answer_that_may_not_be_read_any_more_is_not_continued(service: Service) -> None:
    document = await service.publish("The mill of Rauk was built by Ida Berg in 1822.", uri="mill.md")
    first = await created(service, input="Who built the mill of Rauk?", model="extractive")
    second = await created(service, previous_response_id=first["id"])
    assert len(await turns(service, second)) == 2
    await restrict(service, document)
    for response in (first, second):  # the second is derived from the first
        with pytest.raises(PreviousResponseNotFound):
            await turns(service, response)


async def restrict(service: Service, document: UUID) -> None:
    async with service.state.database.transaction(service.tenant) as connection:
        await service.state.retrieval.set_access(connection, service.tenant, document, ["board"])


async def test_a_held_answer_is_not_continued(service: Service) -> None:
    change_serving(service.state, review=ReviewPolicy.model_validate(HOLD))
    held = await created(service, 202)
    with pytest.raises(AnswerHeld):
        await turns(service, held)
    reply = await post(service, previous_response_id=held["id"])
    assert (reply.status_code, reply.json()["error"]["code"]) == (409, "answer_held")


async def test_the_model_reads_the_turns_before_as_context(service: Service) -> None:
    first = await created(service)
    second = await created(service, input=LENGTH, previous_response_id=first["id"], instructions="Be brief.")
    sent = str(service.model.calls[-1].body)
    assert "<asked mark=" in sent
    assert WHO in sent
    assert "Be brief." in sent
    assert second["answer"]["warnings"] == []
