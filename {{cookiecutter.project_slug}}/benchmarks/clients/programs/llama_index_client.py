from typing import Any

from common import BUILDER, KEY, NO_MODEL, NO_MONEY, OFF_TOPIC, POOR, REFUSAL, URL, WHO, error_of, has, optional, run
from llama_index.core.bridge.pydantic import BaseModel
from llama_index.llms.openai_like import OpenAILike


class Builder(BaseModel):
    """Who built something."""

    name: str


def model(name: str = "default", key: str = KEY, **more: Any) -> OpenAILike:
    place = {"model": name, "api_base": f"{URL}/v1", "api_key": key}
    return OpenAILike(**place, is_chat_model=True, max_retries=0, max_tokens=512, **more)


def structured() -> object:
    described = {"type": "json_schema", "json_schema": {"name": "Builder", "schema": Builder.schema()}}
    # as_structured_llm would write the schema into the question, which is then searched for.
    return Builder.parse_raw(model(additional_kwargs={"response_format": described}).complete(WHO).text)


run(
    {
        "answer": lambda: has(model().complete(WHO).text),
        "stream": lambda: has("".join(piece.delta or "" for piece in model().stream_complete(WHO))),
        "refusal": lambda: has(model().complete(OFF_TOPIC).text, REFUSAL),
        "citations": lambda: has(model().complete(WHO).raw.model_extra["answer"]["citations"], "docs.example.org"),
        "error": lambda: error_of(lambda: model("none").complete(WHO), NO_MODEL),
        "budget": lambda: error_of(lambda: model(key=POOR).complete(WHO), NO_MONEY),
        "structured output": lambda: optional(structured, BUILDER),
    },
    "llama-index-llms-openai-like",
)
