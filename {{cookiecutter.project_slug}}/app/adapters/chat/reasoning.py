"""Removal of reasoning that a model writes between tags in its text.

The rule: reasoning precedes the answer. A reply that begins with an opening tag is reasoning up to the closing tag,
and so on until other text begins: the answer. In the answer an opening tag that begins a line or a sentence begins
reasoning again. Elsewhere in it a tag is ordinary text, except a closing tag that the answer neither opened nor quotes:
then all text before it was reasoning, which the prompt's template had opened.
"""

import re
from typing import Literal

MAX_TAG_CHARACTERS = 128
"""Of a tag with its attributes. At most so much text is buffered until it is known whether it is a tag."""

_NAMES = (
    "think",
    "thinking",
    "thinking_process",
    "thought",
    "thoughts",
    "thought_process",
    "chain_of_thought",
    "inner_thoughts",
    "inner_monologue",
    "internal_thoughts",
    "internal_monologue",
    "monologue",
    "reason",
    "reasoning",
    "reflection",
    "reflections",
    "analysis",
    "deliberation",
    "scratchpad",
    "antthinking",
)
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
_TURN = r"<\|(?:im_end|eot_id|eom_id|endoftext|end_of_text|end_of_turn)\|>|<end_of_turn>"
"""The end of a model's turn, which a server with the wrong template leaves in the text, and what the model wrote on."""
_TAG = re.compile(
    rf"(?P<opening>{_OPENING})|(?P<closing>{_CLOSING})|(?P<answer>{_ANSWER})|(?P<end>{_END})|(?P<turn>{_TURN})",
    re.IGNORECASE,
)
_PART_OF_TAG = re.compile(
    rf"<\s*\|?\s*/?\s*[\w:]*\s*[|/]?|<\s*{_NAME}\s[^<>]*|[\[◁]\s*/?\s*[a-z:]*\s*"
    rf"|<\|channel>\s*[a-z]*|<\|(?:start|channel)\|>[^<]*(?:<\|?[a-z]*\|?(?:>[^<]*(?:<\|?[a-z]*\|?)?)?)?",
    re.IGNORECASE,
)
_QUOTES = {"`": "`", '"': '"', "'": "'", "“": "”", "‘": "’", "„": "“", "«": "»"}
_SENTENCE_ENDS = frozenset(".!?:;]…。！？")
_FENCE = "```"
_OPENER = re.compile(r"[<\[◁]")


class ReasoningFilter:
    """Removes the reasoning from a text that arrives in pieces, split anywhere.

    inside: the text begins within reasoning. characters: of the reasoning so far. unopened: there was a closing tag
    without an opening one, so that the text returned before it was reasoning.
    """

    def __init__(self, inside: bool = False) -> None:
        self._state: Literal["start", "reasoning", "answer", "over"] = "start"
        self._begins_inside = inside
        self._buffer = self._visible = self._before = ""
        self._depth = self._opened = self._shown = 0
        self._fenced = self._last = self._turned = False
        self.characters = 0
        self.found = False
        self.unopened = False

    def feed(self, piece: str) -> str:
        """The text of the answer that is certain after this piece."""
        self._buffer += piece
        self._visible = ""
        while self._buffer and self._step():
            pass
        return self._visible

    def end(self) -> str:
        """The rest of the buffered text, if it is no tag. Unclosed reasoning is dropped."""
        self._last = True
        visible = self.feed("")
        self._hide(len(self._buffer) if self._buffer.strip() else 0)
        return visible

    def _step(self) -> bool:
        """Process the next part of the buffer; False when it takes more text to decide."""
        if self._state == "start":
            return self._start()
        if self._state == "over":
            self._hide(len(self._buffer))
            return False
        reasoning = self._state == "reasoning"
        tag = _TAG.search(self._buffer)
        (self._hide if reasoning else self._show)(tag.start() if tag else self._length_without_tag())
        if tag is None or (quoted := self._quoted(tag[0])) is None:
            return False
        (self._tag_in_reasoning if reasoning else self._tag_in_answer)(tag, quoted)
        return True

    def _start(self) -> bool:
        text = self._buffer.lstrip()
        blank = len(self._buffer) - len(text)
        if tag := _TAG.match(text):
            self._hide(blank + tag.end())
            self.found, self._begins_inside = True, False
            if tag["opening"] and not tag[0].endswith("/>"):
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

    def _tag_in_reasoning(self, tag: re.Match[str], quoted: bool) -> None:
        self._hide(len(tag[0]))
        if quoted or tag["turn"] or tag[0].endswith("/>"):
            return
        self._depth = 0 if tag["answer"] else self._depth + (1 if tag["opening"] else -1)
        if self._depth == 0:
            self._state = "start"

    def _tag_in_answer(self, tag: re.Match[str], quoted: bool) -> None:
        if (tag["end"] and self.found) or (tag["turn"] and not quoted):
            self._state, self._turned = "over", tag["turn"] is not None
        elif tag["opening"] and not quoted and not tag[0].endswith("/>") and self._begins_sentence:
            self._hide(len(tag[0]))
            self._state, self._depth, self.found = "reasoning", 1, True
        elif tag["closing"] and not quoted and not self._opened:
            self._hide(len(tag[0]))
            self.characters += self._shown
            self._state, self._visible, self._shown = "start", "", 0
            self.found = self.unopened = True
        else:
            self._opened = max(0, self._opened + bool(tag["opening"]) - bool(tag["closing"]))
            self._show(len(tag[0]))

    @property
    def _begins_sentence(self) -> bool:
        """Whether a sentence or a line begins here."""
        return self._before.endswith("\n") or (self._before[-1:].isspace() and self._before[:1] in _SENTENCE_ENDS)

    def _length_without_tag(self) -> int:
        """The number of buffered characters before a possible beginning of a tag."""
        first = max(0, len(self._buffer) - MAX_TAG_CHARACTERS)
        for opener in _OPENER.finditer(self._buffer, first):
            if self._may_be_tag(self._buffer[opener.start() :]):
                return opener.start()
        return len(self._buffer)

    def _may_be_tag(self, text: str) -> bool:
        return not self._last and len(text) < MAX_TAG_CHARACTERS and _PART_OF_TAG.fullmatch(text) is not None

    def _quoted(self, tag: str) -> bool | None:
        """Whether the next tag is in quotes or code; None while that is not known."""
        if self._fenced:
            return True
        if (closing := _QUOTES.get(self._before[-1:])) is None:
            return False
        after = self._buffer[len(tag) : len(tag) + 1]
        return after == closing if after or self._last else None

    def _hide(self, characters: int) -> None:
        # What follows the model's turn is not its reasoning.
        self.characters += 0 if self._turned else characters
        self._pass(characters)

    def _show(self, characters: int) -> None:
        text = self._buffer[:characters]
        self._visible += text
        self._shown += characters
        # A fence may be split between two pieces: the last two characters are kept.
        self._fenced ^= (self._before + text).count(_FENCE) % 2 == 1
        self._pass(characters)

    def _pass(self, characters: int) -> None:
        self._before = (self._before + self._buffer[:characters])[-2:]
        self._buffer = self._buffer[characters:]


def _begins_tag(text: str) -> bool:
    name = text.lstrip("<[◁|/ ").lower()
    return _PART_OF_TAG.fullmatch(text) is not None and any(each.startswith(name) for each in _NAMES)
