"""The quirks of providers: what each sends, and what must come of it."""

from tests.adapters.chat.quirks import endings, failures, framing, pieces, reasoning, refused

QUIRKS = (
    *framing.QUIRKS,
    *pieces.QUIRKS,
    *endings.QUIRKS,
    *reasoning.QUIRKS,
    *failures.QUIRKS,
    *refused.QUIRKS,
)
