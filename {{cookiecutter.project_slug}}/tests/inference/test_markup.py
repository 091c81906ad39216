"""Markup of a document is shown as plain characters in answers that quote it; its citation keeps the original text."""

import json
from typing import Any

import openai
import pytest
import pytest_asyncio

from app.safety.domain.markup import loads_or_links
from tests.inference.conftest import Open, Service
from tests.safety.exfiltration import FORMS
from tests.safety.test_markup import active_tags

WHO = "Which engineer built the lighthouse?"
MARKED = [form for form in FORMS if "\n" not in form][::6]
LINES = [
    f"The engineer {name} Holm built the lighthouse {form} in 1874."
    for name, form in zip(("Marta", "Berta", "Greta", "Anna", "Clara", "Dora", "Emma"), MARKED, strict=False)
]


@pytest_asyncio.fixture
async def marked(open_service: Open) -> Service:
    started = await open_service(models=0)
    await started.publish("\n\n".join(LINES), title="Lighthouse", uri="tower.md")
    return started


def harmless(text: str) -> None:
    assert "Holm" in text
    assert active_tags(text) == set()
    assert loads_or_links(text) == []


async def streamed(service: Service) -> tuple[str, dict[str, Any]]:
    text, last = "", {}
    body = {"question": WHO, "stream": True, "sentences": 10}
    async with service.client() as client, client.stream("POST", "/v1/answers", json=body) as reply:
        async for line in reply.aiter_lines():
            if line.startswith("data: {"):
                data = json.loads(line.removeprefix("data: "))
                text += data.get("text", "") if "citations" not in data else ""
                last = data if "citations" in data else last
    return text, last


async def test_a_quoting_answer_loads_and_links_nothing(marked: Service) -> None:
    answer = (await marked.ask(WHO, sentences=10)).json()
    assert answer["model"] == "extractive"
    assert len(answer["citations"]) > 3
    harmless(answer["text"])
    whole = "\n\n".join(LINES)
    for citation in answer["citations"]:
        assert citation["quote"] == whole[citation["start"] : citation["end"]]
    assert any(loads_or_links(citation["quote"]) for citation in answer["citations"])


async def test_a_quoting_stream_loads_and_links_nothing(marked: Service) -> None:
    text, last = await streamed(marked)
    harmless(last["text"])
    assert loads_or_links(text) == []
    assert active_tags(text) == set()


@pytest.mark.parametrize("stream", [False, True])
async def test_the_openai_route_loads_and_links_nothing(marked: Service, stream: bool) -> None:
    asked: list[Any] = [{"role": "user", "content": WHO}]
    async with openai.AsyncOpenAI(api_key=marked.key, base_url=f"{marked.url}/v1", max_retries=0) as client:
        if stream:
            chunks = await client.chat.completions.create(model="default", messages=asked, stream=True)
            text = "".join([choice.delta.content or "" async for chunk in chunks for choice in chunk.choices])
        else:
            done = await client.chat.completions.create(model="default", messages=asked)
            text = done.choices[0].message.content or ""
    harmless(text)


async def test_the_stored_text_is_the_delivered_text(marked: Service) -> None:
    answer = (await marked.ask(WHO)).json()
    async with marked.client() as client:
        kept = (await client.get(f"/v1/answers/{answer['id']}")).json()
    assert kept["text"] == answer["text"]
    harmless(kept["text"])
