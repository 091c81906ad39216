"""An answer as a person words it."""

import re
from typing import Any

import orjson

from app.core.errors import Invalid

LONGEST = 20_000
_MARKER = re.compile(r"\[(\d{1,3})\]")


class EditRefused(Invalid):
    code, title = "edit_refused", "The edited text cannot be delivered"


def edit(payload: bytes, text: str) -> bytes:
    """The same answer in other words, with the citations that the words still use. What a person wrote has no measured
    groundedness, nor a model's confidence.

    Errors: EditRefused when the text is empty, too long, unchanged, or cites what was not found.
    """
    answer: dict[str, Any] = orjson.loads(payload)
    words = text.strip()
    if not words or len(words) > LONGEST:
        raise EditRefused(f"An answer has 1 to {LONGEST:,} characters.", action="Reject it if nothing can be said.")
    if words == answer["text"]:
        raise EditRefused("The text is the one that was there.", action="Approve it instead.")
    used = {int(number) for number in _MARKER.findall(words)}
    if invented := sorted(used - {citation["marker"] for citation in answer["citations"]}):
        raise EditRefused(
            f"[{invented[0]}] cites nothing.", action="Citations come from the documents that were found; use those."
        )
    kept = [citation for citation in answer["citations"] if citation["marker"] in used]
    changed = {"status": "answered", "refusal": None, "finish_reason": "stop", "text": words, "citations": kept}
    return orjson.dumps(answer | changed | {"groundedness": None, "confidence": None})
