import json
from typing import Any

import openai
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

client = openai.OpenAI(base_url=f"{URL}/v1", api_key=KEY, max_retries=0)
poor = client.with_options(api_key=POOR)


class Builder(BaseModel):
    name: str


def chat(question: str = WHO, model: str = "default", by: openai.OpenAI = client, **more: Any) -> Any:
    return by.chat.completions.create(model=model, messages=[{"role": "user", "content": question}], **more)


def stream() -> str:
    pieces = chat(stream=True)
    return "".join(piece.choices[0].delta.content or "" for piece in pieces if piece.choices)


def responses_stream() -> str:
    with client.responses.stream(model="default", input=WHO) as events:
        return events.get_final_response().output_text


def annotations() -> Any:
    return client.responses.create(model="extractive", input=WHO).output[0].content[0].annotations[0]


def structured() -> Any:
    asked = [{"role": "user", "content": WHO}]
    return (
        client.chat.completions.parse(model="default", messages=asked, response_format=Builder)
        .choices[0]
        .message.parsed
    )


def tools() -> Any:
    parameters = {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]}
    asked = {
        "model": "default",
        "tools": [{"type": "function", "function": {"name": "look_in_a_map", "parameters": parameters}}],
    }
    messages: list[Any] = [{"role": "user", "content": WHO}]
    called = client.chat.completions.create(messages=messages, **asked).choices[0].message
    [call] = called.tool_calls
    result = f"{json.loads(call.function.arguments)['place']} is north."
    messages += [called, {"role": "tool", "tool_call_id": call.id, "content": result}]
    return client.chat.completions.create(messages=messages, **asked).choices[0].message.content


run(
    {
        "answer": lambda: has(chat().choices[0].message.content),
        "stream": lambda: has(stream()),
        "refusal": lambda: has(chat(OFF_TOPIC).choices[0].message.content, REFUSAL),
        "citations": lambda: has(chat().model_extra["answer"]["citations"], "https://docs.example.org/lighthouse"),
        "error": lambda: error_of(lambda: chat(model="none"), NO_MODEL),
        "budget": lambda: error_of(lambda: chat(by=poor), NO_MONEY),
        "responses": lambda: has(client.responses.create(model="default", input=WHO).output_text),
        "responses stream": lambda: has(responses_stream()),
        "annotations": lambda: has(annotations(), "https://docs.example.org/lighthouse"),
        "structured output": lambda: optional(structured, BUILDER),
        "own tools": lambda: optional(tools, NORTH),
    },
    "openai",
)
