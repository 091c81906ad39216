"""Scores of answers: facts, token F1 and citations. They guard against incomplete or badly cited answers."""

from app.evaluation.domain.cases import Case
from app.evaluation.domain.observation import Observation
from app.evaluation.domain.text_matching import contains, content_words


def facts(case: Case, observation: Observation) -> float | None:
    """Share of the facts that the answer contains; 0 for a refusal."""
    if not case.facts:
        return None
    return 0.0 if observation.refused else _facts_in(case, observation.text)


def f1(case: Case, observation: Observation) -> float | None:
    """Token F1 of the answer against the expected answer, without stop words."""
    if case.answer is None:
        return None
    expected, given = content_words(case.answer), content_words("" if observation.refused else observation.text)
    common = (expected & given).total()
    return 2 * common / (expected.total() + given.total()) if common else 0.0


def citation_precision(case: Case, observation: Observation) -> float | None:
    """Share of the citations that come from a source of the case. None for a refusal, and without sources."""
    if observation.refused or not case.sources:
        return None
    correct = [any(source.matches(each.uri, each.headings) for source in case.sources) for each in observation.cited]
    return sum(correct) / len(correct) if correct else 0.0


def citation_recall(case: Case, observation: Observation) -> float | None:
    """Share of the facts that the quotes from the case's sources contain."""
    if observation.refused or not case.sources or not case.facts:
        return None
    quotes = (
        each.quote
        for each in observation.cited
        if any(source.matches(each.uri, each.headings) for source in case.sources)
    )
    return _facts_in(case, " ".join(quotes))


def _facts_in(case: Case, text: str) -> float:
    return sum(any(contains(text, each) for each in fact) for fact in case.facts) / len(case.facts)
