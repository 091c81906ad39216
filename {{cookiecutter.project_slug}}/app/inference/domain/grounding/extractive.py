import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from math import log
from typing import Protocol

from app.core.languages.identification import UNKNOWN, language_of
from app.core.languages.sentences import TextSpan, sentences
from app.core.languages.stop_words import stop_words_of
from app.core.languages.words import asked_words, fold, stem, stems_in
from app.inference.domain.grounding.question_words import Asked, expected_answer
from app.inference.domain.grounding.quotable import quotable

# Weights of a linear ranker, fitted on one half of the articles of a public question set, rounded, and
# checked on the other half (benchmarks/extractive_quality.py). Rounding costs nothing measurable; more
# features gained nothing.
_COVERAGE, _NEIGHBOURS, _PASSAGE, _PAIRS = 6.0, 4.0, 6.0, 1.2
_DENSITY, _EXACT, _QUESTION, _NUMBER, _DATE, _NAME = 2.0, 3.5, -3.0, 4.0, 3.0, 1.5
_SATURATION, _LENGTH, _USUAL_LENGTH = 1.2, 0.75, 14.0
_BONUSES: Mapping[Asked, float] = {"number": _NUMBER, "date": _DATE, "name": _NAME}
_FEW_WORDS = 3
_LINE_END = re.compile(r"\n")
_ROW = re.compile(r"[^\n:;]{1,80}: [^\n;]+; [^\n:;]{1,80}: |[^\n|]+ \| ")
_PROPER = re.compile(r"(?<=\s)(?:[A-Z][\w-]*|\w*\d\w*)")
# What share of the best score a further sentence needs; the first, beside a sentence with every word of the question.
# Fewer sentences are quoted so: in benchmarks/extractive_quality.py, gold_in_3 went from 0.880 to 0.875.
_AS_GOOD, _GOOD_ENOUGH = 0.9, 0.6


class Readable(Protocol):
    @property
    def text(self) -> str: ...
    @property
    def score(self) -> float: ...


@dataclass(frozen=True, slots=True)
class Quote:
    """A sentence of a passage, without its list marker: `passage` is its place in the given sequence, offsets count
    from the passage's start.
    """

    passage: int
    start: int
    end: int
    text: str
    score: float


@dataclass(frozen=True, slots=True)
class _Candidate:
    """present: the words of the question that it has. complete: it has every one."""

    quote: Quote
    doubtful: bool
    complete: bool
    present: frozenset[str]

    @property
    def is_row(self) -> bool:
        return _ROW.match(self.quote.text) is not None


@dataclass(frozen=True, slots=True)
class ReadSentence:
    span: TextSpan
    text: str
    words: frozenset[str]
    stems: tuple[str, ...]
    stem_set: frozenset[str]


@dataclass(frozen=True, slots=True)
class _QuestionTerms:
    words: frozenset[str]
    plain: frozenset[str]
    weights: dict[str, float]
    pairs: frozenset[tuple[str, str]]
    expected: re.Pattern[str] | None
    bonus: float
    has_unknown: bool
    """Whether a name or a number of the question stands nowhere."""


def best_sentences(question: str, passages: Sequence[Readable], limit: int = 3) -> tuple[Quote, ...]:
    """The sentences most likely to answer, best first, at most `limit`; empty when no sentence shares a word.

    One that repeats the question, such as an example of a call, comes after all others: it asks, and does not answer.
    Headings, code, headers of tables and markers of lists are not quoted.
    """
    language = question_language(question, passages)
    texts = [read(p.text, language) for p in passages]
    question_terms = _question_terms(question, texts, language)
    best = max((p.score for p in passages), default=0.0) or 1.0
    ranked = [
        _Candidate(
            Quote(n, part.start, part.end, p.text[part.start : part.end], score + _PASSAGE * max(0.0, p.score) / best),
            part.doubtful,
            s.stem_set >= question_terms.weights.keys(),
            s.stem_set & question_terms.weights.keys(),
        )
        for n, p in enumerate(passages)
        for s, score in _rank(question_terms, texts[n])
        if (part := quotable(p.text, s.span.start, s.span.end))
    ]
    ranked.sort(key=lambda each: (_repeats(question, each.quote.text), each.doubtful, -each.quote.score))
    if question_terms.has_unknown and _are_rows_alike(ranked):
        return ()
    return tuple(_chosen(ranked, limit))


def _are_rows_alike(ranked: Sequence[_Candidate]) -> bool:
    """Whether the best one is a row of a table, and another row has the same words of the question: what would tell
    them apart is not there.
    """
    first = ranked[0] if ranked else None
    return (
        first is not None
        and first.is_row
        and any(
            each.is_row and each.present == first.present and each.quote.text != first.quote.text for each in ranked
        )
    )


def _chosen(ranked: Sequence[_Candidate], limit: int) -> Iterable[Quote]:
    """The first ones, each text once, without those that rank far below the first, and without rows of a table that
    have only some of the question's words that another row has: that is the row which was asked for.
    """
    used: set[str] = set()
    rows: list[frozenset[str]] = []
    for quote, candidate in ((each.quote, each) for each in ranked):
        if candidate.is_row and any(row > candidate.present for row in rows):
            continue
        needed = (_AS_GOOD if ranked[0].complete else _GOOD_ENOUGH) * ranked[0].quote.score
        if quote.text in used or quote.score < min(needed, ranked[0].quote.score):
            continue
        used.add(quote.text)
        rows += [candidate.present] if candidate.is_row else []
        yield quote
        if len(used) == limit:
            return


def _repeats(question: str, text: str) -> bool:
    asked = question.strip(" ?!.").casefold()
    return len(asked.split()) > _FEW_WORDS and asked in text.casefold()


def coverage(question: str, passages: Sequence[Readable]) -> float:
    """The largest part of the question's words that one passage holds, 0..1."""
    language = question_language(question, passages)
    question_words = frozenset(stem(word, language) for word in asked_words(question, language))
    if not question_words:
        return 0.0
    return max((len(stems_in(p.text, question_words, language)) / len(question_words) for p in passages), default=0.0)


def question_language(question: str, passages: Sequence[Readable]) -> str:
    """The language of the question, or else of the best passage; English where neither tells."""
    texts = (question, passages[0].text) if passages else (question,)
    return next((language for text in texts if (language := language_of(text)) != UNKNOWN), "en")


@lru_cache(maxsize=1024)
def read(text: str, language: str = "en") -> tuple[ReadSentence, ...]:
    """The sentences of a text, with their words in forms that compare with a question in this language."""
    spans = (row for span in sentences(text) for row in _rows(text, span))
    return tuple(_sentence(span, text[span.start : span.end], language) for span in spans)


def _rows(text: str, span: TextSpan) -> Iterable[TextSpan]:
    """The rows of a table that names the columns in each of them, or the sentence as it is."""
    start = span.start
    for end_of_line in _LINE_END.finditer(text, span.start, span.end):
        before = text.rfind("\n", span.start, end_of_line.start()) + 1 or span.start
        if _ROW.match(text, before, end_of_line.start()) or _ROW.match(text, end_of_line.end(), span.end):
            yield TextSpan(start, end_of_line.start())
            start = end_of_line.end()
    yield TextSpan(start, span.end)


def _sentence(span: TextSpan, text: str, language: str) -> ReadSentence:
    words = fold(text, language)
    stems = tuple(stem(w, language) for w in words if w not in stop_words_of(language))
    return ReadSentence(span, text, frozenset(words), stems, frozenset(stems))


def _question_terms(question: str, passages: Sequence[tuple[ReadSentence, ...]], language: str) -> _QuestionTerms:
    words = fold(question, language)
    content = asked_words(question, language)
    stems = [stem(w, language) for w in content]
    total = sum(map(len, passages))
    used = Counter(t for passage in passages for s in passage for t in s.stem_set.intersection(stems))
    weights = {t: log(1 + (total - used[t] + 0.5) / (used[t] + 0.5)) for t in stems}
    expected, bonus = _expected(question.lower(), language)
    proper = {stem(word, language) for name in _names(question, language) for word in fold(name, language)}
    unknown = any(t in proper and t not in used for t in stems)
    pairs = frozenset(pairwise(stems))
    return _QuestionTerms(frozenset(words), frozenset(content), weights, pairs, expected, bonus, unknown)


def _names(question: str, language: str) -> Iterable[str]:
    """What looks like a name or a number. German begins every noun with a capital: there a name is written in capitals,
    or stands behind a noun, as in "Tarif Premium".
    """
    if language != "de":
        return _PROPER.findall(question)
    words = question.split()[1:]
    coded = (word for word in words if word.isupper() or any(map(str.isdigit, word)))
    return [*coded, *(name for noun, name in pairwise(words) if noun[0].isupper() and name[0].isupper())]


def _expected(question: str, language: str) -> tuple[re.Pattern[str] | None, float]:
    if (expected := expected_answer(question, language)) is None:
        return None, 0.0
    kind, answer = expected
    return answer, _BONUSES[kind]


def _rank(question_terms: _QuestionTerms, passage: tuple[ReadSentence, ...]) -> Iterable[tuple[ReadSentence, float]]:
    total = sum(question_terms.weights.values()) or 1.0
    own = [s.stem_set & question_terms.weights.keys() for s in passage]
    for n, sentence in enumerate(passage):
        around = frozenset[str]().union(*own[max(0, n - 1) : n], *own[n + 1 : n + 2]) - own[n]
        if own[n] or around:
            yield sentence, _score(question_terms, sentence, own[n], around, total)


def _score(
    question_terms: _QuestionTerms,
    sentence: ReadSentence,
    present: frozenset[str],
    around: frozenset[str],
    total: float,
) -> float:
    weights = question_terms.weights
    score = _COVERAGE * sum(weights[t] for t in present) + _NEIGHBOURS * sum(weights[t] for t in around)
    score = (score + _DENSITY * _density(weights, sentence, present)) / total
    if question_terms.pairs:
        score += _PAIRS * sum(p in question_terms.pairs for p in pairwise(sentence.stems)) / len(question_terms.pairs)
    if question_terms.plain:
        score += _EXACT * len(question_terms.plain & sentence.words) / len(question_terms.plain)
    if question_terms.expected and _has_new(question_terms.expected, sentence.text, question_terms.words):
        score += question_terms.bonus
    return score + (_QUESTION if sentence.text.endswith(("?", "？", "؟")) else 0.0)


def _density(weights: dict[str, float], sentence: ReadSentence, present: frozenset[str]) -> float:
    damp = _SATURATION * (1 - _LENGTH + _LENGTH * len(sentence.stems) / _USUAL_LENGTH)
    return sum(weights[t] * (_SATURATION + 1) * (c := sentence.stems.count(t)) / (c + damp) for t in present)


def _has_new(expected: re.Pattern[str], text: str, question_words: frozenset[str]) -> bool:
    return any(m.group().lower() not in question_words for m in expected.finditer(text))
