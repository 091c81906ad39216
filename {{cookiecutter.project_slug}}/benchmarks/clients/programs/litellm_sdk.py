import json
from typing import Any

import litellm
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
from pydantic import BaseModel

litellm.suppress_debug_info = True


class Builder(BaseModel):
    name: str


def ask(question: str = WHO, model: str = "default", key: str = KEY, **more: Any) -> Any:
    place = {"model": f"openai/{model}", "api_base": f"{URL}/v1", "api_key": key, "num_retries": 0}
    return litellm.completion(**{**place, "messages": [{"role": "user", "content": question}], **more})


def tools() -> Any:
    parameters = {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]}
    tool = {"type": "function", "function": {"name": "look_in_a_map", "parameters": parameters}}
    called = ask(tools=[tool]).choices[0].message
    [call] = called.tool_calls
    result = f"{json.loads(call.function.arguments)['place']} is north."
    answered = {"role": "tool", "tool_call_id": call.id, "content": result}
    messages = [{"role": "user", "content": WHO}, called.model_dump(), answered]
    return ask(tools=[tool], messages=messages).choices[0].message.content


run(
    {
        "answer": lambda: has(ask().choices[0].message.content),
        "stream": lambda: has("".join(piece.choices[0].delta.content or "" for piece in ask(stream=True))),
        "refusal": lambda: has(ask(OFF_TOPIC).choices[0].message.content, REFUSAL),
        "error": lambda: error_of(lambda: ask(model="none"), NO_MODEL),
        "budget": lambda: error_of(lambda: ask(key=POOR), NO_MONEY),
        "responses": lambda: has(
            litellm.responses(model="openai/default", input=WHO, api_base=f"{URL}/v1", api_key=KEY).output
        ),
        "structured output": lambda: optional(
            lambda: Builder.model_validate_json(ask(response_format=Builder).choices[0].message.content), BUILDER
        ),
        "own tools": lambda: optional(tools, NORTH),
    },
    "litellm",
)
