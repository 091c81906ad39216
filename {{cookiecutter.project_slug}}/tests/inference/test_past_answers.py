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
from tests.inference.test_client_tools import WEATHER, answering, calls
from tests.inference.test_responses import HOLD, created, post, streamed

TOOL = {"type": "function", **WEATHER["function"]}
RAIN = "It rains in Karlen today."
LENGTH = "How long is the main span of the bridge?"


def archive_of(service: Service) -> AnswerArchive:
    found: AnswerArchive = service.state.provided[AnswerArchive]
    return found


async def turns(service: Service, response: dict[str, Any], key: str | None = None) -> tuple[Turn, ...]:
    caller = await service.state.identity.authenticate(key or service.key)
    found = await past_answers(archive_of(service), caller, UUID(response["answer"]["id"]))
    return await service.state.answers.turns_of(caller, [each.id for each in found])


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


async def call_and_result(service: Service, **body: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """A response that calls a tool of the client, and the item with its result."""
    made = await created(service, tools=[TOOL], **body)
    [call] = made["output"]
    return made, {"type": "function_call_output", "call_id": call["call_id"], "output": RAIN}


@pytest.mark.parametrize("stream", [False, True])
async def test_results_of_tools_alone_continue_the_question_that_called_them(service: Service, stream: bool) -> None:
    answering(service, calls(("get_weather", {"place": "Karlen"})), calls(("get_weather", {"place": "Sarn"})), RAIN)
    first, result = await call_and_result(service)
    second, other = await call_and_result(service, input=[result], previous_response_id=first["id"])
    body = {"input": [other], "previous_response_id": second["id"], "tools": [TOOL]}
    last = (await streamed(service, **body))[-1]["response"] if stream else await created(service, **body)
    assert last["answer"]["text"] == RAIN
    read = service.model.calls[-1].body["messages"]
    assert [each["role"] for each in read] == ["system", "user", "assistant", "tool", "assistant", "tool"]
    assert WHO in read[1]["content"]
    assert [each["content"] for each in read if each["role"] == "tool"] == [RAIN, RAIN]
    then = await created(service, input=LENGTH, previous_response_id=last["id"])
    assert [turn.question for turn in await turns(service, then)] == [WHO, LENGTH]


async def test_results_of_tools_alone_belong_to_calls_of_the_same_key(service: Service) -> None:
    answering(service, calls(("get_weather", {"place": "Karlen"})), RAIN)
    first, result = await call_and_result(service)
    other = (await service.state.identity.create_key(service.tenant, "other", ["user"])).text
    theirs = await post(service, bearer=other, input=[result], previous_response_id=first["id"])
    assert theirs.json()["code"] == "previous_response_not_found"
    wrong = await post(service, input=[{**result, "call_id": "c9"}], previous_response_id=first["id"])
    assert (wrong.status_code, wrong.json()["error"]["param"]) == (422, "input")
    assert len(service.model.calls) == 1
