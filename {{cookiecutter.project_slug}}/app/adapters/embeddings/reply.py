"""The vectors of a reply in the OpenAI format, checked before any of them is used."""

import base64
import struct
from collections.abc import Sequence
from typing import Any

import orjson

from app.retrieval.domain import EmbeddingFailed, Vector
from app.retrieval.ports import EmbeddingResult


def parse_response(raw: bytes, count: int, dimensions: int, model: str) -> EmbeddingResult:
    """The vectors of a reply, in the order of the texts. An item without an index is for the text at its position in
    the list, if that agrees with the other indices. Errors: EmbeddingFailed with the reason.
    """
    try:
        reply: Any = orjson.loads(raw)
        rows = [_floats(item["embedding"]) for item in reply["data"]]
        indices = [_index(item.get("index")) for item in reply["data"]]
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, struct.error) as error:
        # JSON has no NaN: some servers send it all the same, or null.
        reason = "not_a_number" if b"NaN" in raw or b"null" in raw or b"Infinity" in raw else "malformed"
        raise EmbeddingFailed(f"The reply of {model} cannot be read.", reason=reason) from error
    if len(rows) != count:
        raise EmbeddingFailed(f"{model} returned {len(rows)} vectors for {count} texts.", reason="wrong_count")
    places = _places(indices)
    if sorted(places) != list(range(count)):
        raise EmbeddingFailed(f"{model} does not assign each vector to a text.", reason="wrong_count")
    wrong = next((len(row) for row in rows if len(row) != dimensions), None)
    if wrong is not None:
        raise EmbeddingFailed(
            f"{model} returned vectors of {wrong} dimensions, not of {dimensions}.",
            action=f"Set APP_EMBEDDER_DIMENSIONS to {wrong} and build a new index, or name the model that was meant.",
            reason="wrong_dimensions",
        )
    try:
        by_place = {place: Vector.of(row) for place, row in zip(places, rows, strict=True)}
    except (ValueError, OverflowError) as error:
        raise EmbeddingFailed(f"{model} returned a vector of length zero.", reason="not_a_number") from error
    return EmbeddingResult(tuple(by_place[place] for place in range(count)), _tokens(reply))


def _floats(embedding: Any) -> Sequence[float]:
    """A list of numbers, or base64 of 32-bit little-endian floats, which many clients request by default."""
    if isinstance(embedding, str):
        return [each for (each,) in struct.iter_unpack("<f", base64.b64decode(embedding, validate=True))]
    return [float(x) for x in embedding]


def _index(index: Any) -> int | None:
    if index is None:
        return None
    number = int(index)
    if isinstance(index, bool) or (not isinstance(index, str) and index != number):
        raise ValueError("not an index")
    return number


def _places(indices: Sequence[int | None]) -> Sequence[int]:
    """The position of the text of each item; not a permutation where the indices are ambiguous."""
    missing = [place for place, index in enumerate(indices) if index is None]
    if len(missing) == 1:
        # Servers that omit zero values omit one index, at any position.
        left = set(range(len(indices))) - {index for index in indices if index is not None}
        return [left.pop() if index is None and len(left) == 1 else -1 if index is None else index for index in indices]
    if missing and any(index not in (None, place) for place, index in enumerate(indices)):
        return [-1] * len(indices)
    return [place if index is None else index for place, index in enumerate(indices)]


def _tokens(reply: dict[str, Any]) -> int:
    usage = reply.get("usage")
    tokens = usage.get("prompt_tokens") or usage.get("total_tokens") if isinstance(usage, dict) else 0
    return tokens if isinstance(tokens, int) and tokens > 0 else 0
