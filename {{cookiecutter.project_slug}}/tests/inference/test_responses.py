"""The OpenAI Responses API: objects and events are checked with the types of the official client."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import openai
import pytest
import pytest_asyncio
from openai.types.responses import Response as OpenAIResponse
from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter

from app.adapters.chat.standin import Fault
from app.inference.domain.human_review import ReviewPolicy
from app.safety.domain.policy import SecurityPolicy
from tests.conftest import override
from tests.inference.conftest import Service, change_serving
from tests.inference.forms import WHO, ask, events

EVENTS: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
RESPONSES = "/v1/responses"
HOLD = {"owner": "tests", "overlap": 0, "rules": [{"name": "people", "send": "before", "due_minutes": 60}]}


@pytest_asyncio.fixture
async def client(service: Service) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(api_key=service.key, base_url=f"{service.url}/v1", max_retries=0) as opened:
        yield opened


async def post(service: Service, key: str | None = None, bearer: str | None = None, **body: Any) -> Any:
    async with service.client(bearer) as client:
        headers = {"idempotency-key": key} if key else {}
        return await client.post(RESPONSES, json={"input": WHO, **body}, headers=headers)


async def created(service: Service, status: int = 200, **body: Any) -> dict[str, Any]:
    reply = await post(service, **body)
    assert reply.status_code == status, reply.text
    OpenAIResponse.model_validate(reply.json())
    made: dict[str, Any] = reply.json()
    return made


async def streamed(service: Service, **body: Any) -> list[dict[str, Any]]:
    reply = await post(service, stream=True, **body)
    assert reply.headers["content-type"].startswith("text/event-stream"), reply.text
    found = events(reply.text)
    for number, (name, data) in enumerate(found):
        EVENTS.validate_python(data)
        assert (data["type"], data["sequence_number"]) == (name, number)
    return [data for _, data in found]


def text_of(response: dict[str, Any]) -> str:
    [item] = response["output"]
    [part] = item["content"]
    assert item["status"] == response["status"]
    return str(part["text"])


async def test_a_response_is_a_cited_answer(client: openai.AsyncOpenAI) -> None:
    made = await client.responses.create(model="default", input=WHO)
    assert (made.status, made.error, made.incomplete_details, made.model) == ("completed", None, None, "stand-in")
    assert made.usage
    assert made.usage.total_tokens == made.usage.input_tokens + made.usage.output_tokens > 0
    answer = (made.model_extra or {})["answer"]
    assert made.output_text == answer["text"]
    assert made.id == f"resp_{answer['id'].replace('-', '')}"


async def test_an_annotation_has_the_place_of_its_mark(service: Service) -> None:
    await service.publish("The ferry to Odde was built by Jon Vik in 1951.", title="Ferry", uri="https://example.org/f")
    made = await created(service, model="extractive")
    text, [annotation, *_] = text_of(made), made["output"][0]["content"][0]["annotations"]
    cited = made["answer"]["citations"][0]
    assert annotation["type"] == "file_citation"
    assert (annotation["file_id"], annotation["filename"]) == (cited["document_id"], "tower.md")
    assert text[: annotation["index"]].endswith(f"[{cited['marker']}]")
    web = await created(service, model="extractive", input="Who built the ferry to Odde?")
    [place] = web["output"][0]["content"][0]["annotations"]
    assert (place["type"], place["url"], place["title"]) == ("url_citation", "https://example.org/f", "Ferry")
    assert text_of(web)[place["start_index"] : place["end_index"]] == "[1]"


async def test_a_stream_has_every_event_in_order_and_ends_with_the_same_response(service: Service) -> None:
    service.model.always = Fault(pieces=("It was built ", "by Marta Holm [1]", "[8]."))
    stream = await streamed(service)
    kinds = list(dict.fromkeys(each["type"].removeprefix("response.") for each in stream))
    assert kinds == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.annotation.added",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    assert "".join(each.get("delta", "") for each in stream) == "It was built by Marta Holm [1]."
    final, plain = stream[-1]["response"], await created(service)
    same = ("object", "status", "model", "error", "tools", "usage", "incomplete_details")
    assert {name: final[name] for name in same} == {name: plain[name] for name in same}
    assert text_of(final) == text_of(plain) == "It was built by Marta Holm [1]."
    assert stream[0]["response"]["id"] == final["id"]
    assert stream[0]["response"]["created_at"] == final["created_at"] > 1_700_000_000


async def test_the_real_client_reads_the_stream(client: openai.AsyncOpenAI) -> None:
    async with client.responses.stream(model="default", input=WHO) as stream:
        pieces = [each.delta async for each in stream if each.type == "response.output_text.delta"]
        final = await stream.get_final_response()
    assert "".join(pieces) == final.output_text != ""


async def test_sources_are_listed_on_request_and_by_policy(service: Service) -> None:
    listed = "\n\nSources:\n- [1] Lighthouse, tower.md"
    plain = await created(service)
    key = uuid4().hex
    seen = [
        await created(service, citations="list"),
        (await streamed(service, citations="list"))[-1]["response"],
        (await streamed(service, key=key, citations="list"))[-1]["response"],
        (await streamed(service, key=key, citations="list"))[-1]["response"],
    ]
    for each in seen:
        assert text_of(each) == text_of(plain) + listed
        assert each["answer"]["text"] == text_of(plain)
        [part] = each["output"][0]["content"]
        assert part["annotations"] == plain["output"][0]["content"][0]["annotations"]
    deltas = [each["delta"] for each in await streamed(service, citations="list") if "delta" in each]
    assert "".join(deltas) == text_of(plain) + listed
    assert "Sources:" not in text_of(await created(service, input="How do volcanoes form on Io?", citations="list"))
    async with service.client() as client:
        by_header = await client.post(RESPONSES, json={"input": WHO}, headers={"x-citations": "list"})
        wrong = await client.post(RESPONSES, json={"input": WHO}, headers={"x-citations": "all"})
    assert text_of(by_header.json()).endswith(listed)
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (422, "citations_unknown")
    policy = SecurityPolicy.model_validate({"owner": "tests", "output": {"sources": "list"}})
    change_serving(service.state, security=policy)
    assert text_of(await created(service)).endswith(listed)
    assert "Sources:" not in text_of(await created(service, citations="marks"))


async def test_a_refusal_is_text_in_both_forms(service: Service) -> None:
    service.model.always = Fault(pieces=("NO ANSWER",))
    for made in (await created(service), (await streamed(service))[-1]["response"]):
        assert (made["status"], made["answer"]["status"]) == ("completed", "refused")
        assert text_of(made) == "The documents do not answer this."


@pytest.mark.parametrize(("finish", "reason"), [("length", "max_output_tokens"), ("content_filter", "content_filter")])
async def test_an_answer_that_was_cut_is_incomplete(service: Service, finish: str, reason: str) -> None:
    service.model.always = Fault(pieces=("It was built by Marta Holm [1].",), finish=finish)
    made, stream = await created(service), await streamed(service)
    assert stream[-1]["type"] == "response.incomplete"
    for each in (made, stream[-1]["response"]):
        assert (each["status"], each["incomplete_details"]) == ("incomplete", {"reason": reason})
        assert text_of(each)


async def test_a_held_answer_says_that_it_waits_and_is_shown_later(service: Service) -> None:
    change_serving(service.state, review=ReviewPolicy.model_validate(HOLD))
    made, stream = await created(service, 202), await streamed(service)
    for each in (made, stream[-1]["response"]):
        assert (each["status"], each["incomplete_details"]) == ("incomplete", {"reason": "content_filter"})
        assert text_of(each) == "This answer waits for a person to look at it."
        assert each["answer"]["status"] == "held"
    assert "".join(each.get("delta", "") for each in stream) == "This answer waits for a person to look at it."
    async with service.client() as client:
        reply = await client.get(f"{RESPONSES}/{made['id']}")
    assert (reply.status_code, text_of(reply.json())) == (202, text_of(made))


async def test_a_stream_that_breaks_fails_and_raises(service: Service, client: openai.AsyncOpenAI) -> None:
    service.model.always = Fault(pieces=("It was built by Marta Holm [1]. ", "Its "), cut=True)
    *_, failed, error = await streamed(service)
    assert (failed["type"], failed["response"]["status"]) == ("response.failed", "failed")
    assert failed["response"]["error"]["code"] == "server_error"
    assert "broke off" in failed["response"]["error"]["message"]
    assert (error["type"], error["code"]) == ("error", "stream_ended")
    stream = await client.responses.create(model="default", input=WHO, stream=True)
    with pytest.raises(openai.APIError, match="broke off"):
        async for _ in stream:
            pass


async def test_problems_have_the_format_of_openai(service: Service, client: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as unknown:
        await client.responses.create(model="gpt-9", input=WHO)
    assert (unknown.value.code, unknown.value.param) == ("model_not_found", "model")
    refused: dict[str, dict[str, Any]] = {
        "input": {"input": [{"role": "assistant", "content": "x"}]},
        "temperature": {"temperature": 9},
        "max_output_tokens": {"max_output_tokens": 0},
        "tools": {"tools": [{"type": "web_search"}]},
        "prompt": {"prompt": {"id": "pmpt_1"}},
    }
    for param, body in refused.items():
        reply = await post(service, **body)
        assert (reply.status_code, reply.json()["error"]["param"]) == (422, param)
        assert reply.headers["content-type"] == "application/problem+json"
        assert reply.json()["detail"] in reply.json()["error"]["message"]
    long = await post(service, input="why " * 2000)
    assert (long.json()["code"], long.json()["error"]["param"]) == ("question_too_long", "input")
    image = {"role": "user", "content": [{"type": "input_image", "image_url": "data:image/png;base64,AAAA"}]}
    for item in (image, {"type": "function_call_output", "call_id": "c", "output": "x"}, {"type": "reasoning"}):
        assert (await post(service, input=[item])).json()["error"]["param"] == "input"
    async with service.client() as plain:
        for address in ("resp_1", f"resp_{uuid4().hex}"):
            assert (await plain.get(f"{RESPONSES}/{address}")).json()["error"]["code"] == "answer_not_found"


async def test_what_has_no_effect_is_named_in_the_words_of_this_format(service: Service) -> None:
    named = {"reasoning": {"effort": "high"}, "metadata": {"a": "b"}, "store": False, "include": ["x"], "what": 1}
    harmless = {"store": True, "truncation": "disabled", "parallel_tool_calls": True, "text": {"format": None}}
    assert (await created(service, **harmless))["answer"]["warnings"] == []
    for made in (await created(service, **named), (await streamed(service, **named))[-1]["response"]):
        assert {each["name"] for each in made["answer"]["warnings"]} == set(named)
    items = [{"role": "user", "content": [{"type": "input_text", "text": WHO}]}]
    mixed = await created(service, input=[{"type": "reasoning", "summary": []}, *items])
    assert [each["name"] for each in mixed["answer"]["warnings"]] == ["input.reasoning"]


async def test_tools_name_actions_that_run_here(service: Service) -> None:
    caller = await service.state.identity.authenticate(service.key)
    await service.state.tickets.add(caller, "Printer", "It prints grey.")
    tool = {"type": "function", "name": "look_up_ticket", "parameters": {"type": "object"}}
    asked = {"input": "Look up the ticket T-1.", "tools": [tool]}
    for made in (await created(service, **asked), (await streamed(service, **asked))[-1]["response"]):
        assert "It prints grey" in text_of(made)
        [action] = made["answer"]["actions"]
        assert (action["action"], action["state"]) == ("look_up_ticket", "done")
        assert [each["name"] for each in made["tools"]] == ["look_up_ticket"]


async def test_an_idempotency_key_repeats_the_response_in_both_forms(service: Service) -> None:
    key = uuid4().hex
    first, again = await post(service, key=key), await post(service, key=key)
    assert again.headers["idempotency-replayed"] == "true"
    assert again.json() == first.json()
    key = uuid4().hex
    stream, repeated = await streamed(service, key=key), await streamed(service, key=key)
    assert repeated[-1] == {**stream[-1], "sequence_number": repeated[-1]["sequence_number"]}
    assert len(service.model.calls) == 2
    assert (await post(service, key=key, stream=True, input="Other?")).json()["code"] == "idempotency_key_reused"


async def test_the_headers_of_the_chat_door_count_here_too(service: Service) -> None:
    refused = {"x-webhook": "https://elsewhere.example/hook"}, {"x-environment": "staging"}
    async with service.client() as client:
        found = [(await client.post(RESPONSES, json={"input": WHO}, headers=each)).json()["code"] for each in refused]
    assert found == ["webhook_refused", "permission_missing"]


async def test_a_stored_response_is_retrieved(service: Service, client: openai.AsyncOpenAI) -> None:
    made = await client.responses.create(model="default", input=WHO)
    found = await client.responses.retrieve(made.id)
    assert (found.id, found.output_text, found.status) == (made.id, made.output_text, "completed")
    assert found.created_at == made.created_at
    assert (found.usage, found.model) == (made.usage, made.model)


async def test_a_response_is_answered_within_the_limit_of_answers(service: Service) -> None:
    override(service.state.answers, max_concurrent=0)
    assert (await post(service)).json()["error"]["code"] == "too_many_answers"
    other = await ask(service, "json")
    assert other.answer["code"] == "too_many_answers"
