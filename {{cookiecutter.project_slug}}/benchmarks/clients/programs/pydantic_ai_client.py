import asyncio

from common import (
    BUILDER,
    KEY,
    NO_MODEL,
    NO_MONEY,
    NORTH,
    OFF_TOPIC,
    POOR,
    REFUSAL,
    URL,
    WHO,
    error_of,
    has,
    optional,
    run,
)
from openai import AsyncOpenAI
from pydantic import BaseModel
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.openai import OpenAIProvider


class Builder(BaseModel):
    name: str


def model(name: str = "default", key: str = KEY, kind: type = OpenAIChatModel) -> OpenAIChatModel:
    client = AsyncOpenAI(base_url=f"{URL}/v1", api_key=key, max_retries=0)
    return kind(name, provider=OpenAIProvider(openai_client=client))


def ask(question: str = WHO, name: str = "default", key: str = KEY, kind: type = OpenAIChatModel) -> str:
    return Agent(model(name, key, kind)).run_sync(question).output


async def stream(kind: type) -> str:
    async with Agent(model(kind=kind)).run_stream(WHO) as result:
        return "".join([piece async for piece in result.stream_text(delta=True)])


def tools() -> object:
    agent = Agent(model())

    @agent.tool_plain
    def look_in_a_map(place: str) -> str:
        """Looks a place up in a map."""
        return f"{place} is north."

    return agent.run_sync(WHO).output


run(
    {
        "answer": lambda: has(ask()),
        "stream": lambda: has(asyncio.run(stream(OpenAIChatModel))),
        "refusal": lambda: has(ask(OFF_TOPIC), REFUSAL),
        "error": lambda: error_of(lambda: ask(name="none"), NO_MODEL),
        "budget": lambda: error_of(lambda: ask(key=POOR), NO_MONEY),
        "responses": lambda: has(ask(kind=OpenAIResponsesModel)),
        "responses stream": lambda: has(asyncio.run(stream(OpenAIResponsesModel))),
        "structured output": lambda: optional(
            lambda: Agent(model(), output_type=Builder, retries=0).run_sync(WHO).output, BUILDER
        ),
        "own tools": lambda: optional(tools, NORTH),
    },
    "pydantic-ai-slim",
)
