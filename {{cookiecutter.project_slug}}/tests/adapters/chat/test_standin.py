from collections.abc import AsyncIterator

import orjson
import pytest
import pytest_asyncio

from app.adapters.chat.openai import OpenAIChat, openai_endpoint
from app.adapters.chat.standin import StandIn, answer_to
from app.adapters.outbound import make_transport
from app.core.clock import SystemClock
from tests.adapters.chat.contract import ChatModelContract


@pytest_asyncio.fixture(params=[False, True], ids=["keeps connections", "drops them after a stream"])
async def model(request: pytest.FixtureRequest) -> AsyncIterator[OpenAIChat]:
    async with StandIn(drop_after_stream=request.param) as server, make_transport() as transport:
        endpoint = openai_endpoint("stand-in", server.url, "stand-in")
        yield OpenAIChat(endpoint, transport, SystemClock())


class TestTheStandIn(ChatModelContract):
    pass


def test_it_quotes_the_first_passage() -> None:
    passage = '<passage n="2" from="A > B">\nThe tower is tall. It is old.\n</passage>'
    assert answer_to({"messages": [{"role": "user", "content": passage}]}) == "The tower is tall. [2]"


def test_without_a_passage_it_answers_with_a_fixed_text() -> None:
    assert answer_to(orjson.loads(b'{"messages": []}')) == "There was nothing to read."
