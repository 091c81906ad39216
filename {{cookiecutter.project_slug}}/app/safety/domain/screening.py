"""Text that talks to the model instead of the reader. Heuristics with names: each finding says which rule spoke.

A copy is screened in which everything that reads alike is spelled alike, and then what else is written in it: with
letters of other alphabets, with digits for letters, spaced apart, encoded. The text itself stays as it is.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from app.safety.domain.canonical import LEET, fold, latin, origin, plain, unleet
from app.safety.domain.decoding import DEPTH, readings
from app.safety.domain.patterns import FAMILIES, SQUEEZED, Family
from app.safety.domain.text import Finding, Normalised, normalise

_REACH = 200
_APART = re.compile(r"(?<![^\W_])[^\W_](?:[ .*_/-][^\W_](?![^\W_])){2,}+")
_BETWEEN = re.compile(r"[\W_]+")
_NOT_LETTERS = re.compile(r"[\W\d_]+")
_KEY = re.compile(
    "ignor|disreg|forget|overri|bypass|circumv|abandon|disobey|instruct|prompt|rules|guidel|restric|previous|system|reveal"
    "|pretend|jailb|developer|secret|unfilt|safety|config|protocol|filter"
)
_WORDS = re.compile(r"[^\W_]+")
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,30}")


@dataclass(frozen=True, slots=True)
class _Match:
    family: Family
    how: str
    readable: bool
    count: int = 1
    start: int | None = None


def screen_document(text: str, hidden: str = "") -> tuple[Finding, ...]:
    """`instructions.*` in what a reader sees, `hidden_instructions.*` in what only a machine would see."""
    return (*_findings(text), *_unseen(hidden))


def screen_question(question: Normalised) -> tuple[Finding, ...]:
    """Findings of a question as it will be searched and shown to a model."""
    return (*question.findings, *_findings(question.text), *_unseen(question.hidden))


def screen_fields(fields: Mapping[str, str]) -> tuple[Finding, ...]:
    """What comes along with a text, by the name of each field, is screened like text; the findings say which field."""
    found: list[Finding] = []
    for name, value in fields.items():
        clean = normalise(value)
        where = name if _NAME.fullmatch(name) and not _findings(name.replace("_", " ")) else "a field"
        seen = (*clean.findings, *_findings(clean.text), *_unseen(clean.hidden))
        found += (replace(finding, detail=f"{finding.detail} (in {where})", start=None) for finding in seen)
        if where != name:
            found += (replace(f, detail=f"{f.detail} (in the name of a field)", start=None) for f in _findings(name))
    return tuple(found)


def _unseen(hidden: str) -> Iterator[Finding]:
    for finding in _findings(hidden):
        rule = finding.rule.replace("instructions.", "hidden_instructions.").replace("hidden_hidden_", "hidden_")
        yield Finding(rule, f"hidden text {finding.detail}", finding.count)


def _findings(text: str) -> tuple[Finding, ...]:
    """One finding a rule: of the plainest reading in which it speaks."""
    found: dict[str, Finding] = {}
    for match in _matches(text, "", True, 0) if text else ():
        if match.family.name not in found:
            kind = "instructions" if match.readable else "hidden_instructions"
            detail = f"{match.family.detail}, {match.how}" if match.how else match.family.detail
            found[match.family.name] = Finding(f"{kind}.{match.family.name}", detail, match.count, match.start)
    return tuple(found.values())


def _matches(text: str, how: str, readable: bool, depth: int) -> Iterator[_Match]:
    folded = fold(text)
    for family, starts in _spoken(folded):
        yield _Match(family, how, readable, len(starts), None if how else origin(text, starts[0]))
    alike = latin(folded)
    if alike is not folded:
        for family, _ in _spoken(alike):
            yield _Match(family, _and(how, "written with letters of another alphabet"), readable)
    around = "\n".join(_around(alike))
    for reading in unleet(around) if around else ():
        if not _says_more(reading, around):
            continue
        for family, _ in _spoken(reading):
            yield _Match(family, _and(how, "written with digits for letters"), readable)
    joined = "\n".join(_joined(alike))
    for reading in (joined, *unleet(joined)) if joined else ():
        for family, _ in _spoken(reading) if _says_more(reading, alike) else ():
            yield _Match(family, _and(how, "written with letters set apart"), readable)
    for letters in (alike, *(reading for part in (around, joined) if part for reading in unleet(part))):
        for family in _squeezed(letters):
            yield _Match(family, _and(how, "written with letters set apart or run together"), readable)
    if depth < DEPTH:
        for other in readings(plain(text)):
            yield from _matches(other.text, _and(how, other.how), readable and other.readable, depth + 1)


def _spoken(folded: str) -> Iterator[tuple[Family, list[int]]]:
    vocabulary = f" {' '.join(set(_WORDS.findall(folded)))} "
    for family in FAMILIES:
        if family.signs is not None and not family.signs.search(vocabulary):
            continue
        if starts := [match.start() for match in family.pattern.finditer(folded)]:
            yield family, starts


def _squeezed(folded: str) -> Iterator[Family]:
    letters = _NOT_LETTERS.sub("", folded)
    yield from (family for family in SQUEEZED if family.pattern.search(letters))


def _around(folded: str) -> Iterator[str]:
    """What stands around words in which digits stand for letters."""
    end = -1
    for match in LEET.finditer(folded):
        if match.start() >= end:
            start, end = max(0, end, match.start() - _REACH), match.end() + _REACH
            yield folded[start:end]


def _joined(folded: str) -> Iterator[str]:
    """What stands around words whose letters are set apart, with the letters put together."""
    end = -1
    for match in _APART.finditer(folded):
        if match.start() >= end:
            start, end = max(0, end, match.start() - _REACH), match.end() + _REACH
            yield _APART.sub(lambda apart: _BETWEEN.sub("", apart[0]), folded[start:end])


def _says_more(reading: str, before: str) -> bool:
    """Whether words that instructions are made of came up in another reading of a text."""
    return len(_KEY.findall(reading)) > len(_KEY.findall(before))


def _and(how: str, more: str) -> str:
    return f"{how}, {more}" if how else more
