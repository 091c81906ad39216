"""Several keys of a provider are used in turn, and one that is rejected rests."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from app.adapters.chat.keys import KeyRing
from app.adapters.chat.openai import OpenAIChat, openai_endpoint
from app.adapters.outbound import make_transport
from app.core.clock import ManualClock, SystemClock
from app.llm.domain.errors import AuthenticationFailed, ModelFailure, ModelOverloaded
from app.llm.service.fallback import FallbackChain, GuardedModel
from tests.adapters.chat.contract import chat_request, soon
from tests.adapters.chat.quirks.provider import GOOD, GOOD_STREAM, Provider, Sent, sent, streamed

KEYS = ("key-one", "key-two", "key-three")


@pytest_asyncio.fixture
async def model(provider: Provider) -> AsyncIterator[OpenAIChat]:
    async with make_transport() as transport:
        yield OpenAIChat(openai_endpoint("m", provider.url, "m", KEYS), transport, SystemClock())


def rejected(status: int, wait: int | None = None) -> Sent:
    headers = {} if wait is None else {"retry-after": str(wait)}
    return sent({"error": {"type": "rejected", "code": "no"}}, status, headers=headers)


async def asked(model: OpenAIChat, stream: bool = False) -> None:
    if not stream:
        await model.complete(chat_request(), soon())
        return
    async for _ in model.stream(chat_request(), soon()):
        pass


async def test_keys_are_used_in_turn(provider: Provider, model: OpenAIChat) -> None:
    provider.replies.extend([GOOD, GOOD_STREAM, GOOD, GOOD])
    for stream in (False, True, False, False):
        await asked(model, stream)
    assert provider.keys == [*KEYS, KEYS[0]]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("status", [401, 402, 403, 429])
async def test_a_rejected_key_rests_and_the_call_is_made_with_the_next(
    provider: Provider, model: OpenAIChat, status: int, stream: bool
) -> None:
    good = GOOD_STREAM if stream else GOOD
    provider.replies.extend([rejected(status, 30), good, good, good])
    with capture_logs() as lines:
        for _ in range(3):
            await asked(model, stream)
    assert provider.keys == ["key-one", "key-two", "key-three", "key-two"]
    (line,) = [line for line in lines if line["event"] == "llm.key_set_aside"]
    assert (line["key"], line["status"], line["seconds"]) == ("1 of 3", status, 30)
    assert not any(key in str(lines) for key in KEYS)


async def test_a_key_rejected_within_a_stream_of_status_200_rests_too(provider: Provider, model: OpenAIChat) -> None:
    provider.replies.extend(
        [streamed(": hi", {"error": {"code": 429}}), GOOD_STREAM, sent({"error": {"code": 401}}), GOOD]
    )
    await asked(model, stream=True)
    await asked(model)
    assert provider.keys == ["key-one", "key-two", "key-three", "key-two"]


@pytest.mark.parametrize("stream", [False, True])
async def test_a_throttled_key_does_not_throttle_the_model(provider: Provider, model: OpenAIChat, stream: bool) -> None:
    guarded = GuardedModel(replace(model, endpoint=replace(model.endpoint, name="spread")))
    chain = FallbackChain((guarded,), SystemClock())
    provider.replies.extend([rejected(429, 60), GOOD_STREAM if stream else GOOD])
    if stream:
        async for _ in chain.stream(chat_request(), soon()):
            pass
    else:
        await chain.complete(chat_request(), soon())
    assert (guarded.paused_until, guarded.breaker.state) == (0.0, "closed")
    labels = {"model": "spread", "outcome": "model_overloaded"}
    assert REGISTRY.get_sample_value("app_model_calls_total", labels) is None
    labels = {"model": "spread", "reason": "model_overloaded"}
    assert REGISTRY.get_sample_value("app_model_keys_set_aside_total", labels)


async def test_when_all_keys_rest_the_model_is_overloaded_until_the_first_is_free(
    provider: Provider, model: OpenAIChat
) -> None:
    provider.replies.extend([rejected(429, 20), rejected(429, 5), rejected(401)])
    with pytest.raises(ModelOverloaded) as raised:
        await asked(model)
    assert raised.value.retry_after == pytest.approx(5, abs=1)
    assert provider.keys == list(KEYS)
    provider.replies.append(rejected(429, 20))
    with pytest.raises(ModelFailure):
        await asked(model)
    assert provider.keys[-1] == "key-two"
    assert len(provider.keys) == 4


async def test_an_overloaded_provider_is_not_asked_again_with_every_key(provider: Provider, model: OpenAIChat) -> None:
    provider.replies.append(sent({"error": {"type": "engine_overloaded_error"}}, 429))
    with pytest.raises(ModelOverloaded):
        await asked(model)
    assert len(provider.keys) == 1


async def test_a_single_key_never_rests(provider: Provider, model: OpenAIChat) -> None:
    single = replace(model, endpoint=replace(model.endpoint, keys=("only",)))
    provider.replies.extend([rejected(401), GOOD])
    with pytest.raises(AuthenticationFailed):
        await asked(single)
    await asked(single)
    assert provider.keys == ["only", "only"]


def test_a_key_is_free_again_after_its_rest() -> None:
    clock = ManualClock()
    ring = KeyRing(2, clock)
    assert ring.take() == 0
    assert ring.set_aside(0, None) == 60
    assert [ring.take(), ring.take()] == [1, 1]
    clock.advance(60)
    assert [ring.take(), ring.take()] == [0, 1]
    assert ring.set_aside(0, 10.0**9) == 3600


def test_a_shorter_wait_of_another_call_ends_no_longer_one() -> None:
    ring = KeyRing(2, ManualClock())
    ring.set_aside(0, 60)
    ring.set_aside(0, 0)
    assert ring.rests(0)
