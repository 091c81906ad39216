"""The quirks of providers: what each sends, and what must come of it."""

from tests.adapters.chat.quirks import endings, failures, framing, pieces, reasoning, refused, tool_calls

QUIRKS = (
    *framing.QUIRKS,
    *pieces.QUIRKS,
    *tool_calls.QUIRKS,
    *endings.QUIRKS,
    *reasoning.QUIRKS,
    *failures.QUIRKS,
    *refused.QUIRKS,
)
