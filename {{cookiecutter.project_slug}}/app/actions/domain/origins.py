"""Where the arguments of a proposed action come from: the asker, the configuration, text that anybody may have written,
or the model alone.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Origin = Literal["question", "configuration", "passage", "result", "model", "client", "reviewer"]
"""question: the asker wrote it. configuration: it is one of the values that the action allows. passage: of a document
that was retrieved. result: of another action. model: nobody else wrote it. client: a program of the asker sent it over
MCP, and what that program had read is unknown. reviewer: a person put it in.
"""
ArgumentOrigins = Mapping[str, tuple[Origin, ...]]
"""By argument. Several, where its parts come from several."""

UNTRUSTED: frozenset[Origin] = frozenset({"passage", "result", "client"})

_WORDS = re.compile(r"\w+")
_VALUES = re.compile(r"[\w.+-]+@[\w.-]+|(?:https?://|www\.)\S+|\w*\d[\w-]*|[\w-]+\.[a-z]{2,}", re.IGNORECASE)
_RUN = 4
"""So many words in a row are copied, not written alike by chance."""


@dataclass(frozen=True)
class ArgumentSources:
    """The texts that the model has read. results: of actions whose results may hold untrusted text.

    author: who wrote what is in none of these texts.
    """

    question: str
    passages: Sequence[str] = ()
    results: Sequence[str] = ()
    author: Origin = "model"

    def origins_of(self, arguments: Mapping[str, Any], allowed: Mapping[str, Collection[str]]) -> ArgumentOrigins:
        """allowed: by argument, the values that its schema lists."""
        return {name: self._origins(value, allowed.get(name, ())) for name, value in arguments.items()}

    def _origins(self, value: object, allowed: Collection[str]) -> tuple[Origin, ...]:
        found: set[Origin] = set()
        for text in _texts(value):
            found |= {"configuration"} if text in allowed else self._origins_of_text(text)
        return tuple(sorted(found)) or ("configuration",)

    def _origins_of_text(self, text: str) -> set[Origin]:
        """What the question contains as a whole is the asker's, whoever else wrote it too."""
        words = [word.casefold() for word in _WORDS.findall(text)]
        if not words:
            return {self.author}
        if _contains(_joined([self.question]), words):
            return {"question"}
        found: set[Origin] = set()
        for origin, texts in (("passage", self.passages), ("result", self.results)):
            if self._copied(text, words, _joined(texts)):
                found.add(origin)  # type: ignore[arg-type]
        return found or {self.author}

    def _copied(self, text: str, words: Sequence[str], read: str) -> bool:
        """Whether it is in what was read: all of it, several words in a row, or an address or number of it that is not
        in the question.
        """
        if _contains(read, words) or any(_contains(read, run) for run in _runs(words)):
            return True
        question = _joined([self.question])
        values = ([word.casefold() for word in _WORDS.findall(match[0])] for match in _VALUES.finditer(text))
        return any(_contains(read, each) and not _contains(question, each) for each in values if each)


def refused_argument(
    origins: ArgumentOrigins, rules: Mapping[str, Collection[Origin]]
) -> tuple[str, tuple[Origin, ...]] | None:
    """The first argument with an origin that its rule does not allow, and those origins. Without a rule all are."""
    for name, found in origins.items():
        if name in rules and (wrong := tuple(each for each in found if each not in rules[name])):
            return name, wrong
    return None


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _texts(each)
    elif value is not None and not isinstance(value, bool):
        yield str(value)


def _joined(texts: Sequence[str]) -> str:
    return "".join(f" {' '.join(_WORDS.findall(text)).casefold()} |" for text in texts)


def _contains(read: str, words: Sequence[str]) -> bool:
    return f" {' '.join(words)} " in read


def _runs(words: Sequence[str]) -> Iterator[Sequence[str]]:
    return (words[place : place + _RUN] for place in range(len(words) - _RUN + 1))
