from typing import Any

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
from langchain_core.messages import HumanMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from pydantic import BaseModel


class Builder(BaseModel):
    """Who built something."""

    name: str


@tool
def look_in_a_map(place: str) -> str:
    """Looks a place up in a map."""
    return f"{place} is north."


def model(name: str = "default", key: str = KEY, **more: Any) -> ChatOpenAI:
    return ChatOpenAI(model=name, base_url=f"{URL}/v1", api_key=key, max_retries=0, **more)


def tools() -> Any:
    ready, messages = model().bind_tools([look_in_a_map]), [HumanMessage(WHO)]
    messages.append(ready.invoke(messages))
    messages += [look_in_a_map.invoke(call) for call in messages[-1].tool_calls]
    return ready.invoke(messages).content


def annotations() -> Any:
    return model("extractive", use_responses_api=True).invoke(WHO).content


run(
    {
        "answer": lambda: has(model().invoke(WHO).content),
        "stream": lambda: has("".join(piece.content for piece in model().stream(WHO))),
        "refusal": lambda: has(model().invoke(OFF_TOPIC).content, REFUSAL),
        "error": lambda: error_of(lambda: model("none").invoke(WHO), NO_MODEL),
        "budget": lambda: error_of(lambda: model(key=POOR).invoke(WHO), NO_MONEY),
        "responses": lambda: has(model(use_responses_api=True).invoke(WHO).content),
        "responses stream": lambda: has(
            [piece.content for piece in model(use_responses_api=True).stream(WHO)], "built"
        ),
        "annotations": lambda: has(annotations(), "https://docs.example.org/lighthouse"),
        "structured output": lambda: optional(lambda: model().with_structured_output(Builder).invoke(WHO), BUILDER),
        "own tools": lambda: optional(tools, NORTH),
    },
    "langchain-openai",
)
