"""Detects rules that can never match because of a rule above them."""

from collections.abc import Collection, Set
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.inference.domain.review_policy import RuleConditions


def shadowed(below: "RuleConditions", above: "RuleConditions") -> bool:
    """Whether everything that matches `below` matches `above` too; False where that is not certain, as with two
    patterns. Sampling is by the answer's id, so a larger sample contains a smaller one.
    """
    return (
        _of_the_same(set(below.action), set(above.action))
        and _within(set(below.risk_tier), set(above.risk_tier))
        and _within({w.lower() for w in below.words}, {w.lower() for w in above.words})
        and above.pattern in (None, below.pattern)
        and _found(below.findings, above.findings)
        and _lower(below.groundedness_below, above.groundedness_below)
        and _lower(below.confidence_below, above.confidence_below)
        and _named(below.models, above.models)
        and above.degraded in (None, below.degraded)
        and (above.status in (None, below.status) or (above.status == "answered" and _of_text(below)))
        and _within(set(below.tenants), set(above.tenants))
        and below.sample <= above.sample
    )


def _of_the_same(below: set[str], above: set[str]) -> bool:
    """Rules on actions and rules on answers never shadow each other."""
    return below <= above and bool(below) == bool(above)


def _within(below: Set[object], above: Set[object]) -> bool:
    return not above or (bool(below) and below <= above)


def _found(below: Collection[str], above: Collection[str]) -> bool:
    return _within(set(below), set(above)) or ("any" in above and bool(below))


def _lower(below: float | None, above: float | None) -> bool:
    return above is None or (below is not None and below <= above)


def _named(below: Collection[str], above: Collection[str]) -> bool:
    return not above or (bool(below) and all(any(fnmatchcase(one, wide) for wide in above) for one in below))


def _of_text(rule: "RuleConditions") -> bool:
    """Whether it needs a value that a refusal does not have."""
    return rule.groundedness_below is not None or rule.confidence_below is not None
