"""A reviewer's edit of an answer."""

import re
from typing import Any

import orjson

from app.core.errors import Invalid
from app.core.redaction import redact

LONGEST = 20_000
_MARKER = re.compile(r"\[(\d{1,3})\]")


class EditRefused(Invalid):
    code, title = "edit_refused", "The edited text cannot be delivered"


def edit(payload: bytes, text: str) -> bytes:
    """The answer with the reviewer's text and the citations that it still uses, without groundedness and confidence.

    Errors: EditRefused when the text is empty, too long, unchanged, has a marker without a citation, or has a secret.
    """
    answer: dict[str, Any] = orjson.loads(payload)
    words = text.strip()
    if not words or len(words) > LONGEST:
        raise EditRefused(f"An answer has 1 to {LONGEST:,} characters.", action="Reject it if nothing can be said.")
    if words == answer["text"]:
        raise EditRefused("The text is unchanged.", action="Approve it instead.")
    if redact(words) != words:
        raise EditRefused("The text contains a key, a token or a password.", action="Take it out, then decide again.")
    used = {int(number) for number in _MARKER.findall(words)}
    if invented := sorted(used - {citation["marker"] for citation in answer["citations"]}):
        raise EditRefused(
            f"[{invented[0]}] cites nothing.", action="Citations come from the documents that were found; use those."
        )
    citations = [citation for citation in answer["citations"] if citation["marker"] in used]
    changed = {"status": "answered", "refusal": None, "finish_reason": "stop", "text": words, "citations": citations}
    return orjson.dumps(answer | changed | {"groundedness": None, "confidence": None})
