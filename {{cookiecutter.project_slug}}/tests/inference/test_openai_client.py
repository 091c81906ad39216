"""The official OpenAI client works with the service."""

from collections.abc import AsyncIterator

import openai
import pytest
import pytest_asyncio

from app.adapters.chat.standin import Fault
from tests.conftest import override
from tests.inference.conftest import Service

WHO = "Who built the lighthouse of Karlen?"
ASKED = [{"role": "system", "content": "Be nice."}, {"role": "user", "content": WHO}]


@pytest_asyncio.fixture
async def client(service: Service) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(api_key=service.key, base_url=f"{service.url}/v1", max_retries=0) as opened:
        yield opened


async def test_the_models_are_listed(client: openai.AsyncOpenAI) -> None:
    assert [model.id async for model in client.models.list()] == ["default", "stand-in", "extractive"]


@pytest.mark.quick
async def test_a_completion_is_a_cited_answer(client: openai.AsyncOpenAI) -> None:
    done = await client.chat.completions.create(model="default", messages=ASKED)  # type: ignore[arg-type]
    assert done.choices[0].finish_reason == "stop"
    assert done.choices[0].message.content
    assert done.usage
    assert done.usage.total_tokens == done.usage.prompt_tokens + done.usage.completion_tokens
    answer = done.model_extra["answer"] if done.model_extra else {}
    assert answer["citations"][0]["title"] == "Lighthouse"


async def test_the_extractive_model_needs_no_provider(client: openai.AsyncOpenAI) -> None:
    done = await client.chat.completions.create(model="extractive", messages=ASKED)  # type: ignore[arg-type]
    assert "Marta Holm" in (done.choices[0].message.content or "")
    assert done.model == "extractive"


async def test_a_streamed_completion_ends_with_its_usage(client: openai.AsyncOpenAI, service: Service) -> None:
    service.model.faults.append(Fault(pieces=("It was built ", "by Marta Holm [1]", "[8].")))
    text, last = "", None
    stream = await client.chat.completions.create(
        model="stand-in",
        messages=ASKED,  # type: ignore[arg-type]
        stream=True,
        stream_options={"include_usage": True},
    )
    async for chunk in stream:
        last = chunk
        for choice in chunk.choices:
            text += choice.delta.content or ""
    assert text == "It was built by Marta Holm [1]."
    assert last
    assert last.usage
    assert last.usage.completion_tokens > 0


async def test_a_refusal_is_an_ordinary_message(client: openai.AsyncOpenAI) -> None:
    asked = [{"role": "user", "content": "How do volcanoes form on Io?"}]
    done = await client.chat.completions.create(model="default", messages=asked)  # type: ignore[arg-type]
    assert done.model_extra
    assert done.model_extra["answer"]["status"] == "refused"


async def test_each_problem_is_the_clients_own_error(client: openai.AsyncOpenAI, service: Service) -> None:
    with pytest.raises(openai.NotFoundError) as unknown:
        await client.chat.completions.create(model="gpt-9", messages=ASKED)  # type: ignore[arg-type]
    assert unknown.value.code == "model_not_found"
    with pytest.raises(openai.AuthenticationError):
        await client.with_options(api_key="sk_no").models.list()
    with pytest.raises(openai.UnprocessableEntityError) as nothing:
        await client.chat.completions.create(model="default", messages=[{"role": "assistant", "content": "x"}])
    assert nothing.value.code == "no_question"
    override(service.state.answers, max_concurrent=0)
    with pytest.raises(openai.InternalServerError) as busy:
        await client.chat.completions.create(model="default", messages=ASKED)  # type: ignore[arg-type]
    assert busy.value.status_code == 503


async def test_a_stream_that_breaks_raises(client: openai.AsyncOpenAI, service: Service) -> None:
    service.model.faults.append(Fault(pieces=("It was built by Marta Holm [1]. ", "Its "), cut=True))
    stream = await client.chat.completions.create(
        model="default",
        messages=ASKED,  # type: ignore[arg-type]
        stream=True,
    )
    text = ""
    with pytest.raises(openai.APIError) as broken:
        async for chunk in stream:
            text += chunk.choices[0].delta.content or ""
    assert text == "It was built by Marta Holm [1]."
    assert (broken.value.code, broken.value.type, broken.value.param) == ("stream_ended", "server_error", None)
    assert "broke off" in broken.value.message


async def test_tools_name_actions_that_run_here(client: openai.AsyncOpenAI, service: Service) -> None:
    caller = await service.state.identity.authenticate(service.key)
    await service.state.tickets.add(caller, "Printer", "It prints grey.")
    tool = {"type": "function", "function": {"name": "look_up_ticket", "parameters": {"type": "object"}}}
    done = await client.chat.completions.create(
        model="default",
        messages=[{"role": "user", "content": "Look up the ticket T-1."}],
        tools=[tool],  # type: ignore[list-item]
    )
    assert done.choices[0].finish_reason == "stop"
    assert "It prints grey" in (done.choices[0].message.content or "")
    [actions] = (done.model_extra or {})["answer"]["actions"]
    assert (actions["action"], actions["state"]) == ("look_up_ticket", "done")


async def test_an_unknown_tool_is_refused(client: openai.AsyncOpenAI, service: Service) -> None:
    tool = {"type": "function", "function": {"name": "an_action_that_is_not_there"}}
    with pytest.raises(openai.UnprocessableEntityError):
        await client.chat.completions.create(model="default", messages=ASKED, tools=[tool])  # type: ignore[arg-type,list-item]
    done = await client.chat.completions.create(
        model="default",
        messages=ASKED,  # type: ignore[arg-type]
        tools=[tool],  # type: ignore[list-item]
        tool_choice="none",
    )
    assert "[1]" in (done.choices[0].message.content or "")


async def test_a_streamed_refusal_is_text_under_the_answers_own_id(
    client: openai.AsyncOpenAI, service: Service
) -> None:
    service.model.faults.append(Fault(pieces=("NO ANSWER",)))
    stream = await client.chat.completions.create(model="default", messages=ASKED, stream=True)  # type: ignore[arg-type]
    chunks = [chunk async for chunk in stream]
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "The documents do not answer this."
    answer = (chunks[-1].model_extra or {})["answer"]
    assert {chunk.id for chunk in chunks} == {f"chatcmpl-{answer['id'].replace('-', '')}"}
    assert {chunk.model for chunk in chunks} == {"stand-in"}
    assert chunks[0].created > 1_700_000_000
    assert chunks[-1].choices[0].finish_reason == "stop"


async def test_a_cut_answer_says_so(client: openai.AsyncOpenAI, service: Service) -> None:
    service.model.always = Fault(pieces=("It was built by Marta Holm [1]. ", "Its lamp"), finish="length")
    done = await client.chat.completions.create(model="default", messages=ASKED)  # type: ignore[arg-type]
    stream = await client.chat.completions.create(model="default", messages=ASKED, stream=True)  # type: ignore[arg-type]
    last = [chunk async for chunk in stream][-1]
    assert done.choices[0].finish_reason == last.choices[0].finish_reason == "length"
