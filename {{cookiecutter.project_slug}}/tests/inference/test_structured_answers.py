"""Answers as the client's own JSON object: valid, checked against the passages, or refused clearly."""

from typing import Any

import openai
import orjson
import pytest
from pydantic import BaseModel

from app.adapters.chat.standin import Fault
from app.inference.domain.human_review import NO_REVIEW, ReviewPolicy
from tests.inference.conftest import Service, change_serving
from tests.inference.forms import WHO, events

CHAT = "/v1/chat/completions"
USER = {"role": "user", "content": WHO}


class Builder(BaseModel):
    name: str
    year: int


FORMAT = {
    "type": "json_schema",
    "json_schema": {"name": "builder", "schema": {**Builder.model_json_schema(), "additionalProperties": False}},
}
GOOD = '{"name": "Marta Holm", "year": 1874}'


def client(service: Service) -> openai.AsyncOpenAI:
    return openai.AsyncOpenAI(api_key=service.key, base_url=f"{service.url}/v1", max_retries=0)


def answering(service: Service, *replies: str) -> None:
    left = list(replies)
    service.model.mind = lambda _: left.pop(0) if len(left) > 1 else left[0]


async def complete(service: Service, *replies: str, **body: Any) -> dict[str, Any]:
    answering(service, *replies)
    async with service.client() as http:
        asked = {"model": "default", "messages": [USER], "response_format": FORMAT, **body}
        reply = await http.post(CHAT, json=asked)
    assert reply.status_code == 200, reply.text
    whole: dict[str, Any] = reply.json()
    return whole


async def test_the_content_is_the_object_and_the_citations_are_the_services(service: Service) -> None:
    done = await complete(service, f"```json\n{GOOD}\n```")
    message = done["choices"][0]["message"]
    assert orjson.loads(message["content"]) == orjson.loads(GOOD)
    assert (message["refusal"], done["choices"][0]["finish_reason"]) == (None, "stop")
    answer = done["answer"]
    assert ([each["title"] for each in answer["citations"]], answer["groundedness"]) == (["Lighthouse"], 1.0)
    sent = service.model.calls[-1].body
    assert sent["response_format"] == FORMAT
    assert '"additionalProperties":false' in sent["messages"][0]["content"]
    assert "Sources:" not in (await complete(service, GOOD, citations="list"))["choices"][0]["message"]["content"]


async def test_the_real_client_parses_it_whole_and_streamed(service: Service) -> None:
    answering(service, GOOD)
    async with client(service) as opened:
        parsed = await opened.chat.completions.parse(model="default", messages=[USER], response_format=Builder)  # type: ignore[list-item]
        assert parsed.choices[0].message.parsed == Builder(name="Marta Holm", year=1874)
        async with opened.chat.completions.stream(
            model="default",
            messages=[USER],  # type: ignore[list-item]
            response_format=Builder,
        ) as stream:
            final = await stream.get_final_completion()
        assert final.choices[0].message.parsed == Builder(name="Marta Holm", year=1874)
        answering(service, "NO ANSWER")
        refused = await opened.chat.completions.parse(model="default", messages=[USER], response_format=Builder)  # type: ignore[list-item]
    assert refused.choices[0].message.parsed is None
    assert refused.choices[0].message.refusal == "The documents do not answer this."


async def test_a_reply_that_is_not_the_object_is_repaired_once_and_both_are_charged(service: Service) -> None:
    once = (await complete(service, GOOD))["answer"]
    done = (await complete(service, '{"name": 1}', GOOD))["answer"]
    assert done["text"] == '{"name":"Marta Holm","year":1874}'
    assert done["cost_micro_usd"] > once["cost_micro_usd"]
    assert done["usage"]["output_tokens"] > once["usage"]["output_tokens"]
    said = service.model.calls[-1].body["messages"][-1]["content"]
    assert "name" in said
    assert "corrected JSON object" in said


async def test_a_repair_without_usage_is_charged_as_much_as_its_own_longer_request_could_cost(service: Service) -> None:
    replies = [orjson.dumps({"choices": [{"message": {"content": each}}]}) for each in ('{"name": 1}', GOOD)]
    service.model.faults.extend(Fault(body=each) for each in replies)
    done = (await complete(service, GOOD))["answer"]
    rows = await service.rows("select input_tokens, micro_usd from ledger where feature = 'answer' order by 1")
    assert sum(each for _, each in rows) == done["cost_micro_usd"]
    (first, _), (second, _) = rows
    assert second > first + len('{"name": 1}'), "it holds the first reply, and what is wrong with it"


@pytest.mark.parametrize(
    ("replies", "refusal"),
    [
        (("Marta Holm.", "Really: Marta Holm."), "not_structured"),
        (('{"name": "Peter Brandt", "year": 1951}',), "no_answer"),
        (("NO ANSWER",), "no_answer"),
    ],
)
async def test_what_is_not_the_object_or_not_in_the_passages_is_refused(
    service: Service, replies: tuple[str, ...], refusal: str
) -> None:
    for stream in (False, True):
        answering(service, *replies)
        async with service.client() as http:
            asked = {"model": "default", "messages": [USER], "response_format": FORMAT, "stream": stream}
            reply = await http.post(CHAT, json=asked)
        if stream:
            chunks = [chunk for _, chunk in events(reply.text)[:-1]]
            deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
            assert "".join(each.get("content") or "" for each in deltas) == ""
            said, answer = "".join(each.get("refusal") or "" for each in deltas), chunks[-1]["answer"]
        else:
            message = reply.json()["choices"][0]["message"]
            assert message["content"] is None
            said, answer = message["refusal"], reply.json()["answer"]
        assert (answer["status"], answer["refusal"], answer["text"]) == ("refused", refusal, said)


async def test_a_failing_model_gives_no_text_in_place_of_the_object(service: Service) -> None:
    service.model.always = Fault(status=500)
    answer = (await complete(service, GOOD))["answer"]
    assert (answer["refusal"], answer["degraded"]) == ("not_structured", True)


async def test_at_risk_tier_high_every_value_must_be_supported(service: Service) -> None:
    mixed = '{"name": "Marta Holm", "year": 1951}'
    assert (await complete(service, mixed))["answer"]["status"] == "answered"
    change_serving(service.state, risk_tier="high", review=NO_REVIEW)
    assert (await complete(service, mixed))["answer"]["refusal"] == "no_answer"


async def test_what_may_not_leave_is_masked_in_values_or_withheld(service: Service) -> None:
    secret = "sk-" + "proj-Abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGH"
    any_object: dict[str, Any] = {"response_format": {"type": "json_object"}}
    masked = await complete(service, orjson.dumps({"a": f"Marta Holm, {secret}"}).decode(), **any_object)
    assert secret not in orjson.dumps(masked).decode()
    beside = await complete(service, orjson.dumps({"a": ["Marta Holm", secret]}).decode(), **any_object)
    assert secret not in orjson.dumps(beside).decode()
    named = await complete(service, orjson.dumps({secret: "Marta Holm"}).decode(), **any_object)
    assert named["answer"]["refusal"] == "withheld"
    await service.ask(WHO)
    prompt = (await service.state.releases.find(service.state.environments.current().id)).prompt("answer").text
    leaked = await complete(service, orjson.dumps({"a": prompt}).decode(), **any_object)
    assert leaked["answer"]["refusal"] == "withheld"


async def test_a_held_answer_is_no_object_either(service: Service) -> None:
    rule = {"name": "people", "send": "before", "due_minutes": 60}
    change_serving(service.state, review=ReviewPolicy.model_validate({"owner": "tests", "overlap": 0, "rules": [rule]}))
    answering(service, GOOD)
    async with service.client() as http:
        asked = {"model": "default", "messages": [USER], "response_format": FORMAT}
        whole = (await http.post(CHAT, json=asked)).json()["choices"][0]
        streamed = await http.post(CHAT, json={**asked, "stream": True})
    assert (whole["message"]["content"], whole["finish_reason"]) == (None, "content_filter")
    deltas = [chunk["choices"][0]["delta"] for _, chunk in events(streamed.text)[:-1]]
    assert [each["refusal"] for each in deltas if "refusal" in each] == [whole["message"]["refusal"]]
    assert not any(each.get("content") for each in deltas)


async def test_an_unanswerable_question_needs_no_object(service: Service) -> None:
    off = await complete(service, GOOD, messages=[{"role": "user", "content": "How do volcanoes form on Io?"}])
    assert off["choices"][0]["message"]["refusal"] == off["answer"]["text"]


async def test_a_repeated_request_gets_the_same_object(service: Service) -> None:
    answering(service, GOOD)
    asked = {"model": "default", "messages": [USER], "response_format": FORMAT}
    async with service.client() as http:
        first = await http.post(CHAT, json=asked, headers={"idempotency-key": "object-1"})
        again = await http.post(CHAT, json=asked, headers={"idempotency-key": "object-1"})
        other = {**asked, "response_format": {"type": "json_object"}}
        reused = await http.post(CHAT, json=other, headers={"idempotency-key": "object-1"})
    assert first.content == again.content
    assert reused.json()["code"] == "idempotency_key_reused"


async def test_without_a_model_it_is_refused(service: Service) -> None:
    async with service.client() as http:
        asked = {"model": "extractive", "messages": [USER], "response_format": FORMAT}
        reply = await http.post(CHAT, json=asked)
    error = reply.json()["error"]
    assert (reply.status_code, error["code"], error["param"]) == (422, "model_required", "response_format")


async def test_a_schema_without_end_or_too_many_levels_is_refused(service: Service) -> None:
    deep: dict[str, Any] = {}
    for _ in range(300):
        deep = {"properties": deep}
    async with service.client() as client:
        for schema in ({"type": "object", "$ref": "#"}, deep):
            form = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
            body = {"model": "default", "messages": [{"role": "user", "content": WHO}], "response_format": form}
            assert (await client.post("/v1/chat/completions", json=body)).status_code == 422


async def test_the_responses_api_has_the_object_without_marks_and_a_refusal_beside_it(service: Service) -> None:
    schema = {"type": "object", "properties": {"who": {"type": "string"}, "of": {"type": "array"}}}
    form = {"type": "json_schema", "name": "x", "schema": schema}
    seen = []
    async with service.client() as client:
        for written in ('{"who": "Marta Holm", "of": [1]}', "Nothing."):
            service.model.mind = lambda _, text=written: text
            body = {"input": WHO, "text": {"format": form}}
            made = (await client.post("/v1/responses", json=body)).json()
            assert made["text"] == {"format": form}
            stream = (await client.post("/v1/responses", json={**body, "stream": True})).text
            assert f"response.{made['output'][0]['content'][0]['type']}.done" in stream
            seen.append(made["output"][0]["content"][0])
    assert (seen[0]["annotations"], seen[1]["type"]) == ([], "refusal")
