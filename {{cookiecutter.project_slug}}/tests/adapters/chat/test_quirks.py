"""The quirks of providers, each served over HTTP and read: see docs/reference/providers.md."""

from dataclasses import replace

import pytest

from app.adapters.chat.openai import OpenAIChat, openai_endpoint
from app.adapters.outbound import make_transport
from app.core.clock import SystemClock
from app.llm.domain.errors import ModelFailure
from app.llm.domain.messages import Completion, CompletionEnd
from tests.adapters.chat.contract import OPEN_GATE, chat_request, soon
from tests.adapters.chat.quirks import QUIRKS
from tests.adapters.chat.quirks.provider import Provider, Quirk, Sent

WAYS = [(quirk, way) for quirk in QUIRKS for way in ("plain", "stream") if getattr(quirk, way)]


async def asked(model: OpenAIChat, quirk: Quirk, way: str) -> Completion:
    tools = (OPEN_GATE,) if quirk.tools else ()
    request = replace(chat_request(), tools=tools, logprobs=quirk.logprobs)
    if way == "plain":
        return await model.complete(request, soon())
    *pieces, end = [piece async for piece in model.stream(request, soon())]
    assert isinstance(end, CompletionEnd)
    return Completion("".join(map(str, pieces)), end)


def test_the_catalogue_has_names() -> None:
    names = [quirk.name for quirk in QUIRKS]
    assert len(set(names)) == len(names) >= 60


@pytest.mark.parametrize(("quirk", "way"), WAYS, ids=[f"{quirk.name} ({way})" for quirk, way in WAYS])
async def test_a_quirk_of_a_provider(provider: Provider, quirk: Quirk, way: str) -> None:
    replies: tuple[Sent, ...] = getattr(quirk, way)
    provider.replies.extend(replies)
    async with make_transport() as transport:
        model = OpenAIChat(openai_endpoint("m", provider.url, "m"), transport, SystemClock())
        if (gives := quirk.gives).failure:
            with pytest.raises(ModelFailure) as raised:
                await asked(model, quirk, way)
            assert type(raised.value) is gives.failure
            assert gives.wait is None or raised.value.retry_after == gives.wait
            assert len(provider.requests) == gives.requests
            return
        reply = await asked(model, quirk, way)
    assert (reply.text, reply.end.finish) == (gives.text, gives.finish)
    assert reply.end.estimated == (gives.usage is None)
    assert gives.usage is None or reply.end.usage == gives.usage
    assert tuple((call.name, call.arguments) for call in reply.calls) == gives.calls
    sent = provider.requests[-1].keys()
    assert len(provider.requests) == gives.requests
    assert not sent & set(gives.without)
    assert sent >= set(gives.having)
