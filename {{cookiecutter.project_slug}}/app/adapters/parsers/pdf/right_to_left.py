"""Letters that run from the right to the left, in the order in which they are read."""

import re
from collections.abc import Sequence

Placed = tuple[str, float]
"""Letters, and the gap before them."""

_RIGHT_TO_LEFT = re.compile(r"[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff]")
_LEFT_TO_RIGHT = re.compile(r"[0-9A-Za-z\u00c0-\u058f\u0660-\u0669\u06f0-\u06f9]")
_MIRRORED = str.maketrans("()[]{}<>«»", ")(][}{><»«")


def runs_left(text: str) -> bool:
    """Whether most of its letters run to the left."""
    return len(_RIGHT_TO_LEFT.findall(text)) > len(_LEFT_TO_RIGHT.findall(text))


def has_right_to_left(texts: Sequence[Placed]) -> bool:
    return any(_RIGHT_TO_LEFT.search(text) for text, _ in texts)


def logical(texts: Sequence[Placed]) -> list[Placed]:
    """From the order of their places, left to right, to that of reading; numbers and words of other scripts stay."""
    turned = [(text.translate(_MIRRORED), gap) for text, gap in _reversed(texts)]
    start = 0
    while start < len(turned):
        end = _end_of_foreign(turned, start)
        if end > start:
            turned[start:end] = [(text.translate(_MIRRORED), gap) for text, gap in _reversed(turned[start:end])]
        start = max(end, start + 1)
    return turned


def _reversed(texts: Sequence[Placed]) -> list[Placed]:
    gaps = [texts[0][1], *(gap for _, gap in reversed(texts[1:]))]
    return [(text, gap) for (text, _), gap in zip(reversed(texts), gaps, strict=True)]


def _end_of_foreign(texts: Sequence[Placed], start: int) -> int:
    """Where a run to the right that starts here ends; `start` if there is none."""
    end = start
    for number in range(start, len(texts)):
        if _RIGHT_TO_LEFT.search(texts[number][0]):
            break
        if _LEFT_TO_RIGHT.search(texts[number][0]):
            end = number + 1
        elif number == start:
            break
    return end
