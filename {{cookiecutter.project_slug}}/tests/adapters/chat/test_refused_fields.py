"""A field that a provider refuses is left out at once, remembered, counted and logged without the user's text."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from app.adapters.chat.fields import FieldRules, LearnedRules
from app.adapters.chat.openai import OpenAIChat, openai_endpoint
from app.adapters.chat.refusals import lasts, loggable, refused_fields
from app.adapters.chat.wire import Dialect
from app.adapters.outbound import make_transport
from app.core.clock import SystemClock
from app.llm.domain.errors import ContentFiltered, ErrorReply, RequestRejected
from app.llm.domain.messages import ChatRequest, Message, Sampling
from app.llm.service.fallback import FallbackChain, GuardedModel
from tests.adapters.chat.contract import OPEN_GATE, chat_request, soon
from tests.adapters.chat.quirks.provider import GOOD, GOOD_STREAM, Provider, Sent, sent

NO_TEMPERATURE = "Unsupported value: 'temperature' does not support 0 with this model."
SENT = ("model", "messages", "max_tokens", "temperature", "logprobs", "stop", "seed", "tools", "tool_choice")


@pytest_asyncio.fixture
async def model(provider: Provider) -> AsyncIterator[OpenAIChat]:
    async with make_transport() as transport:
        yield OpenAIChat(openai_endpoint("m", provider.url, "m"), transport, SystemClock())


def refusal(message: str = NO_TEMPERATURE, status: int = 400, **error: Any) -> Sent:
    return sent({"error": {"message": message, "type": "invalid_request_error", **error}}, status)


async def asked(model: OpenAIChat, stream: bool = False, request: ChatRequest | None = None) -> None:
    request = request or chat_request()
    if not stream:
        await model.complete(request, soon())
        return
    async for _ in model.stream(request, soon()):
        pass


@pytest.mark.parametrize("stream", [False, True])
async def test_a_refused_field_is_never_sent_again_to_this_model(
    provider: Provider, model: OpenAIChat, stream: bool
) -> None:
    provider.replies.extend([refusal(), GOOD_STREAM if stream else GOOD, GOOD, GOOD_STREAM])
    await asked(model, stream)
    await asked(model)
    await asked(replace(model, endpoint=replace(model.endpoint, idle_seconds=3.0)), stream=True)
    assert ["temperature" in each for each in provider.requests] == [True, False, False, False]
    provider.replies.append(GOOD)
    await asked(replace(model, endpoint=replace(model.endpoint, model="another")))
    assert "temperature" in provider.requests[-1]


async def test_it_is_counted_and_logged_in_the_providers_words_without_the_users(
    provider: Provider, model: OpenAIChat
) -> None:
    request = ChatRequest((Message("user", "Is Erika Mustermann's IBAN DE02120300000000202051 valid?"),), 24)
    message = f"{NO_TEMPERATURE} Prompt: Is Erika Mustermann's IBAN DE02120300000000202051 valid? {'x' * 50} Zürich"
    provider.replies.extend([refusal(message), GOOD])
    before = REGISTRY.get_sample_value("app_model_fields_refused_total", {"model": "m", "field": "temperature"}) or 0
    with capture_logs() as lines:
        await asked(model, request=request)
    after = REGISTRY.get_sample_value("app_model_fields_refused_total", {"model": "m", "field": "temperature"})
    assert after == before + 1
    (line,) = [line for line in lines if line["event"] == "llm.field_refused"]
    assert (line["model"], line["field"], line["status"], line["renamed_to"]) == ("m", "temperature", 400, None)
    assert 'add "temperature" to omit' in line["advice"]
    assert line["words"].startswith("Unsupported value: 'temperature' does not support … with this model.")
    assert not any(word in line["words"] for word in ("Erika", "Muster", "IBAN", "DE02", "xxxx", "rich"))


def test_words_of_a_provider_are_bounded() -> None:
    error = ErrorReply(400, (), "is not supported " * 1000)
    assert len(loggable(error, chat_request(), SENT)) <= 240
    assert loggable(ErrorReply(400, (), "a\nb\r\x1b[31m" + "w" * 100), chat_request(), SENT).isprintable()


async def test_a_field_whose_value_alone_is_refused_is_tried_again_by_the_next_request(
    provider: Provider, model: OpenAIChat
) -> None:
    out_of_range = refusal("temperature: must be less than or equal to 1", param="temperature")
    provider.replies.extend([out_of_range, GOOD, GOOD])
    await asked(model)
    await asked(model)
    assert ["temperature" in each for each in provider.requests] == [True, False, True]


async def test_nothing_is_remembered_while_the_call_fails_without_the_field_too(
    provider: Provider, model: OpenAIChat
) -> None:
    provider.replies.extend([refusal(), refusal("Your plan has ended.", 403), GOOD])
    with pytest.raises(Exception, match="403"):
        await asked(model)
    await asked(model)
    assert ["temperature" in each for each in provider.requests] == [True, False, True]


@pytest.mark.parametrize("stream", [False, True])
async def test_a_provider_that_refuses_on_and_on_is_not_asked_for_ever(
    provider: Provider, model: OpenAIChat, stream: bool
) -> None:
    provider.replies.extend([refusal()] * 20)
    with pytest.raises(RequestRejected):
        await asked(model, stream)
    assert len(provider.requests) == 2
    provider.requests.clear()
    names = ("max_tokens", "max_completion_tokens")
    provider.replies = type(provider.replies)(
        refusal(f"Unsupported parameter: '{name}'.", param=name) for name in names * 9
    )
    with pytest.raises(RequestRejected):
        await asked(model, stream)
    assert [[name for name in names if name in each] for each in provider.requests] == [[names[0]], [names[1]]]


async def test_a_content_refusal_is_not_a_refused_field(provider: Provider, model: OpenAIChat) -> None:
    provider.replies.append(refusal(f"{NO_TEMPERATURE} Flagged.", code="content_filter"))
    with pytest.raises(ContentFiltered):
        await asked(model)
    assert len(provider.requests) == 1


@pytest.mark.parametrize("stream", [False, True])
async def test_a_refused_field_is_no_failure_of_the_model(provider: Provider, model: OpenAIChat, stream: bool) -> None:
    guarded = GuardedModel(model)
    chain = FallbackChain((guarded,), SystemClock())
    provider.replies.extend([refusal(), GOOD_STREAM if stream else GOOD])
    if stream:
        async for _ in chain.stream(chat_request(), soon()):
            pass
    else:
        assert (await chain.complete(chat_request(), soon())).failures == ()
    labels = {"model": "m", "outcome": "model_unacceptable"}
    assert REGISTRY.get_sample_value("app_model_calls_total", labels) is None
    assert (guarded.breaker.state, guarded.paused_until) == ("closed", 0.0)


async def test_a_configured_name_that_is_refused_is_learnt_by_its_own_name(
    provider: Provider, model: OpenAIChat
) -> None:
    rules = FieldRules(rename={"max_tokens": "max_completion_tokens", "temperature": "heat"})
    renamed = replace(model, endpoint=replace(model.endpoint, dialect=Dialect(rules)))
    unknown = "Unknown parameter: '{}'."
    provider.replies.extend([refusal(unknown.format("heat")), refusal(unknown.format("max_completion_tokens")), GOOD])
    await asked(renamed)
    assert not {"heat", "temperature", "max_completion_tokens"} & provider.requests[-1].keys()
    assert provider.requests[-1]["max_tokens"] == 24


def test_rules_of_two_calls_at_once_add_up() -> None:
    learned = LearnedRules()
    learned.learn("u", "m", FieldRules(frozenset({"stop"})))
    learned.learn("u", "m", FieldRules(rename={"max_tokens": "max_completion_tokens"}))
    rules = learned.of("u", "m", FieldRules(frozenset({"seed"})))
    assert rules == FieldRules(frozenset({"stop", "seed"}), {"max_tokens": "max_completion_tokens"})


@pytest.mark.parametrize("stream", [False, True])
async def test_configured_rules_shape_every_request(provider: Provider, model: OpenAIChat, stream: bool) -> None:
    rules = FieldRules(
        frozenset({"temperature", "stream_options", "logprobs"}), {"max_tokens": "max_completion_tokens"}
    )
    provider.replies.append(GOOD_STREAM if stream else GOOD)
    shaped = replace(model, endpoint=replace(model.endpoint, dialect=Dialect(rules)))
    await asked(shaped, stream, replace(chat_request(), logprobs=True))
    (body,) = provider.requests
    assert not {"temperature", "stream_options", "logprobs", "max_tokens"} & body.keys()
    assert body["max_completion_tokens"] == 24
    assert body.get("stream", False) == stream


async def test_what_needs_an_omitted_field_goes_with_it(provider: Provider, model: OpenAIChat) -> None:
    provider.replies.append(GOOD)
    rules = FieldRules(frozenset({"tools", "stream"}))
    shaped = replace(model, endpoint=replace(model.endpoint, dialect=Dialect(rules)))
    await asked(shaped, request=replace(chat_request(), tools=(OPEN_GATE,)))
    provider.replies.append(GOOD)
    await asked(shaped, stream=True)
    assert [each.keys() for each in provider.requests] == [{"model", "messages", "max_tokens", "temperature"}] * 2


ERRORS: Mapping[str, tuple[ErrorReply, tuple[str, ...]]] = {
    "both fields of a list": (
        ErrorReply(422, ("body.logprobs", "body.seed"), "Extra inputs are not permitted"),
        ("logprobs", "seed"),
    ),
    "in camel case": (ErrorReply(400, (), "Argument not supported on this model: maxTokens"), ("max_tokens",)),
    "a word that is a field too": (ErrorReply(400, (), "Please stop: this is not supported"), ()),
    "that word in quotes": (ErrorReply(400, (), "'stop' is not supported"), ("stop",)),
    "that word as a parameter": (ErrorReply(400, (), "Model grok does not support parameter stop."), ("stop",)),
    "the choice of a tool": (ErrorReply(400, (), "tool_choice 'required' is not supported"), ("tool_choice",)),
    "all tools": (ErrorReply(400, (), "This model does not support function calling"), ("tools",)),
    "the messages": (ErrorReply(400, ("messages",), "bad temperature is not supported"), ()),
    "a field that was not sent": (ErrorReply(400, ("top_p",), "Unsupported: top_p, not temperature"), ()),
    "no reason": (ErrorReply(400, (), "temperature"), ()),
    "the context": (ErrorReply(400, (), "context_length_exceeded: max_tokens is too large"), ()),
    "another status": (ErrorReply(429, ("temperature",), "temperature is not supported"), ()),
    "a part of a tool": (ErrorReply(422, ("body.tools.0.function.strict",), "extra_forbidden"), ()),
    "a schema": (ErrorReply(400, (), "Invalid schema for tools: 'format' is not permitted"), ()),
    "a missing model": (ErrorReply(404, (), "The model `temperature-2` was not found"), ()),
}


@pytest.mark.parametrize("case", ERRORS)
def test_what_an_error_refuses(case: str) -> None:
    error, fields = ERRORS[case]
    assert refused_fields(error, SENT) == fields


def test_fields_that_exclude_each_other_are_not_refused_for_good() -> None:
    error = ErrorReply(400, (), "`temperature` and `top_p` cannot be specified both")
    assert refused_fields(error, (*SENT, "top_p")) == ("temperature",)
    assert not lasts(error, "temperature")
    assert lasts(ErrorReply(400, (), NO_TEMPERATURE), "temperature")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("response_format", "response_format: the JSON schema has the unsupported keyword 'uniqueItems'"),
        ("seed", "seed: negative values are not supported"),
        ("stop", "Unsupported value: 'stop' sequences with blanks are not supported"),
    ],
)
async def test_what_one_client_wrote_into_a_field_takes_it_from_no_other(
    provider: Provider, model: OpenAIChat, name: str, words: str
) -> None:
    sampling = Sampling(seed=-1, stop=("a b",))
    request = replace(chat_request(), sampling=sampling, response_format={"type": "json_schema", "json_schema": {}})
    provider.replies.extend([refusal(words, param=name), GOOD, GOOD])
    await asked(model, request=request)
    await asked(model, request=request)
    assert [name in each for each in provider.requests] == [True, False, True]


def test_words_of_the_clients_tools_and_formats_are_not_logged() -> None:
    request = replace(chat_request(), response_format={"enum": ["Erika"]}, sampling=Sampling(stop=("Meier",)))
    error = ErrorReply(400, (), "'stop' does not support 'Meier', nor does 'enum' support 'Erika'")
    logged = loggable(error, request, SENT)
    assert not any(word in logged for word in ("Erika", "Meier"))
