"""Options of a request that have no effect are named in its answer, in every form."""

from typing import Any
from uuid import uuid4

import openai
import orjson
import pytest

from app.adapters.chat.standin import Fault
from app.inference.domain.human_review import ReviewPolicy
from tests.inference.conftest import Service, change_serving
from tests.inference.forms import FORMS, WHO, ask

SAY = {"type": "text", "text": WHO}
USER = {"role": "user", "content": WHO}
TOOL = {"type": "function", "function": {"name": "look_up_ticket", "parameters": {"type": "object"}}}


def messages(*before: dict[str, Any], last: dict[str, Any] = USER) -> dict[str, Any]:
    return {"messages": [*before, last]}


SENT: dict[str, tuple[dict[str, Any], list[str]]] = {
    "nothing": ({}, []),
    "defaults": ({"n": 1, "top_p": 1, "logprobs": False, "stop": None, "response_format": {"type": "text"}}, []),
    "what counts": ({"max_tokens": 100, "temperature": 0.5, "tool_choice": "auto"}, []),
    "system": (messages({"role": "system", "content": "Rhyme."}), []),
    "developer": (messages({"role": "developer", "content": "Rhyme."}), []),
    "history": (messages(USER, {"role": "assistant", "content": "Marta."}), []),
    "tools before": (messages(USER, {"role": "tool", "content": "Marta."}), ["history"]),
    "both": (messages({"role": "system", "content": "Rhyme."}, *[USER] * 3), []),
    "part": (messages(last={"role": "user", "content": [{**SAY, "cache_control": {"type": "ephemeral"}}]}), []),
    "parts before": (
        messages(USER, {"role": "assistant", "content": [{"type": "thinking", "thinking": "Hm."}, SAY]}),
        ["history"],
    ),
    "a part of the other format": (messages(last={"role": "user", "content": [{**SAY, "type": "input_text"}]}), []),
    "system last": ({"messages": [USER, {"role": "system", "content": "Rhyme."}]}, []),
    "nulls": ({"stream": None, "n": None, "tools": None, "temperature": None}, []),
    "name": (messages(last={**USER, "name": "Bo"}), ["messages.name"]),
    "members": (
        {"seed": 7, "top_p": 0.5, "user": "bo", "metadata": {"a": "b"}, "logprobs": True},
        ["user", "metadata", "logprobs"],
    ),
    "formats": (
        {"modalities": ["text", "audio"], "audio": {"voice": "x"}},
        ["modalities", "audio"],
    ),
    "penalties": (
        {"frequency_penalty": 1, "presence_penalty": -1, "logit_bias": {"1": 2}},
        ["logit_bias"],
    ),
    "unknown": (
        {"reasoning_effort": "high", "web_search_options": {}, "what_is_this": 0},
        ["reasoning_effort", "web_search_options", "what_is_this"],
    ),
    "tools": ({"tools": [TOOL], "tool_choice": "none"}, ["tools"]),
    "forced": ({"tool_choice": {"type": "function", "function": {"name": "x"}}}, ["tool_choice"]),
    "required": ({"tool_choice": "required"}, ["tool_choice"]),
    "two limits": ({"max_tokens": 10, "max_completion_tokens": 300}, ["max_tokens"]),
    "quoting": ({"model": "extractive", "temperature": 1, "max_tokens": 5}, ["temperature", "max_tokens"]),
}


@pytest.mark.parametrize("name", SENT)
async def test_an_option_without_effect_is_named(service: Service, name: str) -> None:
    body, named = SENT[name]
    keys = uuid4().hex
    for form in ("openai json", "openai stream"):
        for _ in range(2):
            seen = await ask(service, form, key=f"{keys} {form}", **body)
            warnings = seen.answer["warnings"]
            assert [each["name"] for each in warnings] == named, form
            assert all(each["message"].endswith((".", "count.")) for each in warnings)


@pytest.mark.parametrize("form", FORMS[:2])
async def test_a_native_answer_has_them_too(service: Service, form: str) -> None:
    assert (await ask(service, form)).answer["warnings"] == []
    seen = await ask(service, form, model="extractive", temperature=1)
    assert [each["name"] for each in seen.answer["warnings"]] == ["temperature"]


async def test_warnings_are_stored_with_the_answer(service: Service) -> None:
    answer = (await ask(service, "openai json", user="bo")).answer
    async with service.client() as client:
        kept = (await client.get(f"/v1/answers/{answer['id']}")).json()
    assert kept["warnings"] == answer["warnings"] != []


async def test_a_held_answer_has_warnings(service: Service) -> None:
    rule = {"name": "people", "send": "before", "due_minutes": 60}
    change_serving(service.state, review=ReviewPolicy.model_validate({"owner": "tests", "overlap": 0, "rules": [rule]}))
    for form in FORMS[2:]:
        held = (await ask(service, form, user="bo")).answer
        assert (held["status"], [each["name"] for each in held["warnings"]]) == ("held", ["user"])


async def test_the_real_client_reads_warnings(service: Service) -> None:
    async with openai.AsyncOpenAI(api_key=service.key, base_url=f"{service.url}/v1", max_retries=0) as client:
        done = await client.chat.completions.create(model="default", messages=[USER], user="bo", logprobs=True)  # type: ignore[list-item]
    assert [each["name"] for each in (done.model_extra or {})["answer"]["warnings"]] == ["logprobs", "user"]


async def test_options_without_effect_still_distinguish_requests_with_one_key(service: Service) -> None:
    key = uuid4().hex
    assert (await ask(service, "openai json", key=key)).status == 200
    assert (await ask(service, "openai json", key=key, user="bo")).answer["code"] == "idempotency_key_reused"


@pytest.mark.parametrize("form", FORMS[2:])
async def test_a_field_that_the_model_refuses_is_named_in_every_answer_without_it(service: Service, form: str) -> None:
    said = {"error": {"message": "Unsupported parameter: 'seed'.", "type": "invalid_request_error", "param": "seed"}}
    service.model.faults.append(Fault(400, body=orjson.dumps(said)))
    sent = {"seed": 7, "top_p": 0.5, "model": "stand-in"}
    for _ in range(2):
        received = await ask(service, form, **sent)
        assert [each["name"] for each in received.answer["warnings"]] == ["seed"]
        assert not received.answer["degraded"]
    assert ["seed" in call.body for call in service.model.calls] == [True, False, False]


async def test_tools_that_the_model_refuses_are_named(service: Service) -> None:
    said = {"error": {"message": "tools is not supported in this model", "param": "tools"}}
    service.model.faults.append(Fault(400, body=orjson.dumps(said)))
    reply = await service.ask(WHO, actions=["look_up_ticket"], model="stand-in")
    assert [each["name"] for each in reply.json()["warnings"]] == ["tools"]
