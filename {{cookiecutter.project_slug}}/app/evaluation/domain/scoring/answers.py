"""Guards against answers that leave out what was asked for, or lean on the wrong documents."""

from app.evaluation.domain.cases import Case
from app.evaluation.domain.observation import Observation
from app.evaluation.domain.text_matching import contains, words


def facts(case: Case, seen: Observation) -> float | None:
    """Share of the facts that the answer says; a refusal says none."""
    if not case.facts:
        return None
    return 0.0 if seen.refused else _said(case, seen.text)


def f1(case: Case, seen: Observation) -> float | None:
    """Harmonic mean of the share of the expected words that are said and of the said words that were expected."""
    if case.answer is None:
        return None
    wanted, said = words(case.answer), words("" if seen.refused else seen.text)
    common = (wanted & said).total()
    return 2 * common / (wanted.total() + said.total()) if common else 0.0


def citation_precision(case: Case, seen: Observation) -> float | None:
    """Share of the citations that come from a source of the case. None for a refusal, and without sources."""
    if seen.refused or not case.sources:
        return None
    right = [any(source.holds(each.uri, each.headings) for source in case.sources) for each in seen.cited]
    return sum(right) / len(right) if right else 0.0


def citation_recall(case: Case, seen: Observation) -> float | None:
    """Share of the facts that stand in what is quoted from the sources."""
    if seen.refused or not case.sources or not case.facts:
        return None
    right = (each.quote for each in seen.cited if any(source.holds(each.uri, each.headings) for source in case.sources))
    return _said(case, " ".join(right))


def _said(case: Case, text: str) -> float:
    return sum(any(contains(text, each) for each in fact) for fact in case.facts) / len(case.facts)
