"""Sentences in which a model describes the instructions that it was given, in words that are not theirs."""

import re
from collections.abc import Sequence

_GIVEN = "set up|configured|instructed|told|programmed|prompted|directed|ordered|briefed"
_DESCRIPTION = re.compile(
    rf"\b(?:I|we)(?:\s+am|\s+was|\s+were|['’]m|\s+have\s+been|['’]ve\s+been|\s+had\s+been)\s+"
    rf"(?:(?:also|only|strictly|explicitly|specifically|not)\s+)?(?:{_GIVEN})\s+(?:(?:not|never|only|always)\s+)?(?:to|that|by)\b"
    r"|\bmy\s+(?:system\s+|hidden\s+|initial\s+|internal\s+|secret\s+)?(?:prompt|instructions?|configuration|directives?)\s+"
    r"(?:says?|tells?|states?|reads?|requires?|forbids?|instructs?|prohibits?|are\s+to|is\s+to|are\s*:|is\s*:)",
    re.IGNORECASE,
)


def describes_instructions(text: str, known: Sequence[str]) -> bool:
    """known: the texts in which somebody else may speak of their own instructions."""
    found = [" ".join(match[0].split()).casefold() for match in _DESCRIPTION.finditer(text)]
    return any(not any(phrase in " ".join(each.split()).casefold() for each in known) for phrase in found)
