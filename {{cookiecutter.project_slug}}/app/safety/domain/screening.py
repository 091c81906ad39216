"""Prompt injection screening: text that addresses the model instead of the reader, by heuristics with names.

A canonical copy of the text is screened, then its alternative readings: letters of other alphabets, digits for letters,
spaced letters, encodings. The text itself is not changed.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from app.safety.domain.canonical import LEET, fold, latin, origin, plain, unleet
from app.safety.domain.decoding import DEPTH, readings
from app.safety.domain.disguises import disguises
from app.safety.domain.patterns import Family, families, squeezed
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
    end: int | None = None


def screen_document(text: str, hidden: str = "") -> tuple[Finding, ...]:
    """Findings of a document: `instructions.*` in its text, `hidden_instructions.*` in its hidden text."""
    return (*_findings(text), *disguises(text), *_hidden_findings(hidden))


def screen_question(question: Normalised) -> tuple[Finding, ...]:
    """Findings of a question, as it is used for retrieval and in the prompt."""
    seen = (*_findings(question.text), *disguises(question.text))
    return (*question.findings, *seen, *_hidden_findings(question.hidden))


def screen_fields(fields: Mapping[str, str]) -> tuple[Finding, ...]:
    """Findings of metadata fields, with the name of the field in the detail."""
    findings: list[Finding] = []
    for name, value in fields.items():
        clean = normalise(value)
        where = name if _NAME.fullmatch(name) and not _findings(name.replace("_", " ")) else "a field"
        in_value = (*clean.findings, *_findings(clean.text), *_hidden_findings(clean.hidden))
        findings += (
            replace(finding, detail=f"{finding.detail} (in {where})", start=None, end=None) for finding in in_value
        )
        if where != name:
            findings += (
                replace(f, detail=f"{f.detail} (in the name of a field)", start=None, end=None) for f in _findings(name)
            )
    return tuple(findings)


def _hidden_findings(hidden: str) -> Iterator[Finding]:
    for finding in _findings(hidden):
        rule = finding.rule.replace("instructions.", "hidden_instructions.").replace("hidden_hidden_", "hidden_")
        yield Finding(rule, f"hidden text {finding.detail}", finding.count)


def _findings(text: str) -> tuple[Finding, ...]:
    """One finding per rule, from the plainest reading that matches."""
    findings: dict[str, Finding] = {}
    for match in _matches(text, "", True, 0) if text else ():
        if match.family.name not in findings:
            kind = "instructions" if match.readable else "hidden_instructions"
            detail = f"{match.family.detail}, {match.how}" if match.how else match.family.detail
            findings[match.family.name] = Finding(
                f"{kind}.{match.family.name}", detail, match.count, match.start, match.end
            )
    return tuple(findings.values())


def _matches(text: str, how: str, readable: bool, depth: int) -> Iterator[_Match]:
    folded = fold(text)
    for family, found in _family_matches(folded):
        start, end = (None, None) if how else (origin(text, found[0].start()), origin(text, found[0].end() - 1) + 1)
        yield _Match(family, how, readable, len(found), start, end)
    alike = latin(folded)
    if alike is not folded:
        for family, _ in _family_matches(alike):
            yield _Match(family, _and(how, "written with letters of another alphabet"), readable)
    around = "\n".join(_around(alike))
    for reading in unleet(around) if around else ():
        if not _has_more_keywords(reading, around):
            continue
        for family, _ in _family_matches(reading):
            yield _Match(family, _and(how, "written with digits for letters"), readable)
    joined = "\n".join(_joined(alike))
    for reading in (joined, *unleet(joined)) if joined else ():
        for family, _ in _family_matches(reading) if _has_more_keywords(reading, alike) else ():
            yield _Match(family, _and(how, "written with letters set apart"), readable)
    for letters in (alike, *(reading for part in (around, joined) if part for reading in unleet(part))):
        for family in _squeezed(letters):
            yield _Match(family, _and(how, "written with letters set apart or run together"), readable)
    if depth < DEPTH:
        for other in readings(plain(text)):
            yield from _matches(other.text, _and(how, other.how), readable and other.readable, depth + 1)


def _family_matches(folded: str) -> Iterator[tuple[Family, list[re.Match[str]]]]:
    vocabulary = f" {' '.join(set(_WORDS.findall(folded)))} "
    for family in families():
        if family.signs is not None and not family.signs.search(vocabulary):
            continue
        if found := list(family.pattern.finditer(folded)):
            yield family, found


def _squeezed(folded: str) -> Iterator[Family]:
    letters = _NOT_LETTERS.sub("", folded)
    yield from (family for family in squeezed() if family.pattern.search(letters))


def _around(folded: str) -> Iterator[str]:
    """The context of words in which digits stand for letters."""
    end = -1
    for match in LEET.finditer(folded):
        if match.start() >= end:
            start, end = max(0, end, match.start() - _REACH), match.end() + _REACH
            yield folded[start:end]


def _joined(folded: str) -> Iterator[str]:
    """The context of words with separated letters, with these letters joined."""
    end = -1
    for match in _APART.finditer(folded):
        if match.start() >= end:
            start, end = max(0, end, match.start() - _REACH), match.end() + _REACH
            yield _APART.sub(lambda apart: _BETWEEN.sub("", apart[0]), folded[start:end])


def _has_more_keywords(reading: str, before: str) -> bool:
    """Whether a reading contains more words of instructions than the text before."""
    return len(_KEY.findall(reading)) > len(_KEY.findall(before))


def _and(how: str, more: str) -> str:
    return f"{how}, {more}" if how else more
