"""The tokens of a call, from the places where providers report them."""

from dataclasses import replace
from typing import Any

from app.costs.domain import Usage
from app.llm.domain.messages import CHARACTERS_PER_TOKEN

Json = dict[str, Any]

MAX_TOKENS, MAX_DIGITS = 10**9, 9


def usage_in(body: Json) -> Usage | None:
    """The usage of a reply or of a chunk of a stream: at its top level, as Groq's, or within its choice."""
    usage = usage_of(body.get("usage")) or usage_of(_dict(body.get("x_groq")).get("usage"))
    if usage:
        return usage
    choices = body.get("choices")
    return usage_of(_dict(choices[0]).get("usage")) if isinstance(choices, list) and choices else None


def usage_of(reported: object) -> Usage | None:
    """The usage that a provider reported; None for what cannot be true."""
    usage = _dict(reported)
    read = _count(usage.get("prompt_tokens", usage.get("input_tokens")))
    written = _count(usage.get("completion_tokens", usage.get("output_tokens")))
    # Every call reads tokens: a report of none is wrong.
    if not read or written is None:
        return None
    reasoning = _detail(usage, "completion_tokens_details", "reasoning_tokens")
    total = _count(usage.get("total_tokens")) or 0
    # xAI and Gemini count reasoning in the total alone.
    apart = total - read - written
    if apart > 0 and reasoning in (0, apart):
        written, reasoning = written + apart, apart
    cached = _detail(usage, "prompt_tokens_details", "cached_tokens") or _count(usage.get("prompt_cache_hit_tokens"))
    return Usage.reported(read, cached or 0, written, reasoning)


def with_reasoning(usage: Usage, characters: int) -> Usage:
    """The usage with an estimate of its reasoning, where the provider sent some and did not count it."""
    if usage.reasoning or not characters:
        return usage
    return replace(usage, reasoning=min(usage.output, -(-characters // CHARACTERS_PER_TOKEN)))


def _detail(usage: Json, within: str, name: str) -> int:
    return _count(_dict(usage.get(within)).get(name)) or _count(usage.get(name)) or 0


def _count(value: object) -> int | None:
    if (isinstance(value, float) and value.is_integer()) or (
        isinstance(value, str) and len(value) <= MAX_DIGITS and value.isascii() and value.isdigit()
    ):
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < MAX_TOKENS else None


def _dict(value: object) -> Json:
    return value if isinstance(value, dict) else {}
