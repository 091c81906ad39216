"""Reasoning that a model writes between tags, in its text itself, and that no reader is to see.

The rule: reasoning stands before the answer. A reply that begins with an opening tag is reasoning up to the tag that
closes it, and so on until something else comes: the answer. There a tag is text like any other, but for a closing tag
that the answer neither opened nor quotes: all before it was reasoning then, which the prompt's template had opened.
"""

import re
from typing import Literal

LONGEST_TAG = 128
"""Characters of a tag with its attributes. No more of a text is held back until it is known whether it is one."""

_NAMES = ("think", "thinking", "thought", "thoughts", "reason", "reasoning", "reflection", "scratchpad", "antthinking")
_NAME = rf"(?:[a-z]+:)?(?:{'|'.join(_NAMES)})"
_HEADER = r"(?:<\|start\|>\s*assistant\s*)?<\|channel\|>\s*"
_OPENING = (
    rf"<\s*{_NAME}(?:\s[^<>]*)?/?>|<\|\s*(?:(?:begin|start)_(?:of_)?)?{_NAME}\s*\|>"
    rf"|\[\s*{_NAME}\s*\]|◁\s*{_NAME}\s*▷|{_HEADER}(?!final)\w+[^<]*<\|message\|>|<\|channel>\s*thought\b"
)
_CLOSING = (
    rf"<\s*/\s*{_NAME}\s*>|<\|\s*(?:/\s*|end_(?:of_)?){_NAME}\s*\|>"
    rf"|\[\s*/\s*{_NAME}\s*\]|◁\s*/\s*{_NAME}\s*▷|<channel\|>"
)
_ANSWER = rf"{_HEADER}final[^<]*<\|message\|>|<\|(?:begin|start)_(?:of_)?(?:solution|answer|response)\|>"
_END = r"<\|(?:end|return|call|end_(?:of_)?(?:solution|answer|response))\|>"
_TAG = re.compile(
    rf"(?P<opening>{_OPENING})|(?P<closing>{_CLOSING})|(?P<answer>{_ANSWER})|(?P<end>{_END})", re.IGNORECASE
)
_PART_OF_TAG = re.compile(
    rf"<\s*\|?\s*/?\s*[\w:]*\s*[|/]?|<\s*{_NAME}\s[^<>]*|[\[◁]\s*/?\s*[a-z:]*\s*"
    rf"|<\|channel>\s*[a-z]*|<\|(?:start|channel)\|>[^<]*(?:<\|?[a-z]*\|?(?:>[^<]*(?:<\|?[a-z]*\|?)?)?)?",
    re.IGNORECASE,
)
_QUOTES = {"`": "`", '"': '"', "'": "'", "“": "”", "‘": "’", "„": "“", "«": "»"}
_FENCE = "```"
_OPENER = re.compile(r"[<\[◁]")


class ReasoningFilter:
    """Takes the reasoning out of a text that comes in pieces, cut anywhere.

    inside: the text begins within reasoning. characters: of the reasoning so far. unopened: a closing tag came which
    nothing had opened, so that what was let through before was reasoning.
    """

    def __init__(self, inside: bool = False) -> None:
        self._state: Literal["start", "reasoning", "answer", "over"] = "start"
        self._begins_inside = inside
        self._held = self._seen = self._before = ""
        self._depth = self._opened = self._shown = 0
        self._fenced = self._last = False
        self.characters = 0
        self.found = False
        self.unopened = False

    def feed(self, piece: str) -> str:
        """What the reader may see now."""
        self._held += piece
        self._seen = ""
        while self._held and self._step():
            pass
        return self._seen

    def end(self) -> str:
        """What was held back and turned out to be no tag. Nothing of reasoning that nothing closes."""
        self._last = True
        seen = self.feed("")
        self._hide(len(self._held))
        return seen

    def _step(self) -> bool:
        """False when there is nothing to do until more of the text is there."""
        if self._state == "start":
            return self._start()
        if self._state == "over":
            self._hide(len(self._held))
            return False
        reasoning = self._state == "reasoning"
        found = _TAG.search(self._held)
        (self._hide if reasoning else self._show)(found.start() if found else self._surely_no_tag())
        if found is None or (quoted := self._quoted(found[0])) is None:
            return False
        (self._tag_in_reasoning if reasoning else self._tag_in_answer)(found, quoted)
        return True

    def _start(self) -> bool:
        text = self._held.lstrip()
        blank = len(self._held) - len(text)
        if found := _TAG.match(text):
            self._hide(blank + found.end())
            self.found, self._begins_inside = True, False
            if found["opening"] and not found[0].endswith("/>"):
                self._state, self._depth = "reasoning", 1
            return True
        if not text or self._may_be_tag(text) or (self._last and _begins_tag(text)):
            return False
        if self._begins_inside:
            self._state, self._depth, self._begins_inside, self.found = "reasoning", 1, False, True
            return True
        self._hide(blank if self.found else 0)
        self._state = "answer"
        return True

    def _tag_in_reasoning(self, found: re.Match[str], quoted: bool) -> None:
        self._hide(len(found[0]))
        if quoted or found[0].endswith("/>"):
            return
        self._depth = 0 if found["answer"] else self._depth + (1 if found["opening"] else -1)
        if self._depth == 0:
            self._state = "start"

    def _tag_in_answer(self, found: re.Match[str], quoted: bool) -> None:
        if found["end"] and self.found:
            self._state = "over"
        elif found["closing"] and not quoted and not self._opened:
            self._hide(len(found[0]))
            self.characters += self._shown
            self._state, self._seen, self._shown = "start", "", 0
            self.found = self.unopened = True
        else:
            self._opened = max(0, self._opened + bool(found["opening"]) - bool(found["closing"]))
            self._show(len(found[0]))

    def _surely_no_tag(self) -> int:
        """How many of the characters held are not the beginning of a tag, whatever comes."""
        first = max(0, len(self._held) - LONGEST_TAG)
        for opener in _OPENER.finditer(self._held, first):
            if self._may_be_tag(self._held[opener.start() :]):
                return opener.start()
        return len(self._held)

    def _may_be_tag(self, text: str) -> bool:
        return not self._last and len(text) < LONGEST_TAG and _PART_OF_TAG.fullmatch(text) is not None

    def _quoted(self, tag: str) -> bool | None:
        """Whether the tag that comes next stands in quotes or code; None while that is not known."""
        if self._fenced:
            return True
        if (closing := _QUOTES.get(self._before[-1:])) is None:
            return False
        after = self._held[len(tag) : len(tag) + 1]
        return after == closing if after or self._last else None

    def _hide(self, characters: int) -> None:
        self.characters += characters
        self._pass(characters)

    def _show(self, characters: int) -> None:
        text = self._held[:characters]
        self._seen += text
        self._shown += characters
        # A fence may be cut as well; two backticks of before are no fence yet.
        self._fenced ^= (self._before + text).count(_FENCE) % 2 == 1
        self._pass(characters)

    def _pass(self, characters: int) -> None:
        self._before = (self._before + self._held[:characters])[-2:]
        self._held = self._held[characters:]


def _begins_tag(text: str) -> bool:
    name = text.lstrip("<[◁|/ ").lower()
    return _PART_OF_TAG.fullmatch(text) is not None and any(each.startswith(name) for each in _NAMES)
