"""A rule that is refused as unreachable can really never match: compared with what rules match, answer by answer."""

from dataclasses import replace
from itertools import product
from random import Random
from typing import Any
from uuid import UUID

from app.core.clock import ManualClock
from app.inference.domain.human_review import ReviewPolicy, RoutedAnswer, rule_for
from app.inference.domain.review_policy import RuleConditions
from app.inference.domain.unreachable_rules import shadowed
from app.safety.domain.text import Finding
from tests.review.conftest import answer_of

TENANTS = [UUID(int=1), UUID(int=2)]
CHOICES: dict[str, list[Any]] = {
    "risk_tier": [["low"], ["low", "high"]],
    "words": [["gate"], ["GATE", "lamp"]],
    "pattern": ["g.te", "lamp"],
    "findings": [["any"], ["instructions"], ["secret", "instructions"]],
    "groundedness_below": [0.5, 0.9],
    "confidence_below": [0.5, 0.9],
    "models": [["gpt-*"], ["gpt-4o"], ["gpt-4o", "other"], ["*"]],
    "degraded": [True, False],
    "status": ["answered", "refused"],
    "tenants": [TENANTS[:1], TENANTS],
    "sample": [0.3, 0.7],
}


def conditions(random: Random) -> RuleConditions:
    while True:
        names = random.sample(sorted(CHOICES), random.choice((0, 1, 1, 2, 2, 3)))
        try:
            return RuleConditions.model_validate({name: random.choice(CHOICES[name]) for name in names})
        except ValueError:  # a rule that can never match, even alone
            continue


def answers() -> list[RoutedAnswer]:
    base, random, routed = answer_of(ManualClock()), Random(5), []
    findings = [
        (),
        (Finding("instructions.override", ""),),
        (Finding("zero_width", ""),),
        (Finding("secret.token", ""),),
    ]
    for status, degraded, model in product(("answered", "refused"), (True, False), ("gpt-4o", "other", "extractive")):
        for found, text in product(findings, ("The gate.", "The lamp.", "Nothing.")):
            answered = status == "answered"
            answer = replace(
                base,
                id=UUID(int=random.getrandbits(128)),
                status=status,
                refusal=None if answered else "no_answer",
                degraded=degraded,
                model=model,
                findings=found,
                text=text,
                groundedness=random.choice((0.2, 0.7, 1.0)) if answered else None,
                confidence=random.choice((0.2, 0.7, None)) if answered and model != "extractive" else None,
            )
            tier, tenant = random.choice(("low", "medium", "high")), random.choice(TENANTS)
            routed.append(RoutedAnswer(answer, "When?", tier, tenant))
    return routed


def matching(when: RuleConditions, all_answers: list[RoutedAnswer]) -> set[int]:
    rule = {"name": "one", "send": "before", "due_minutes": 60, "when": when.model_dump(exclude_defaults=True)}
    policy = ReviewPolicy.model_validate({"owner": "tests", "rules": [rule]})
    return {n for n, each in enumerate(all_answers) if rule_for(policy, each) is not None}


def test_whatever_a_shadowed_rule_matches_the_rule_above_it_matches_too() -> None:
    random, every = Random(11), answers()
    rules = [conditions(random) for _ in range(60)]
    matches = [matching(each, every) for each in rules]
    shadows = [(b, a) for b, a in product(range(60), repeat=2) if a != b and shadowed(rules[b], rules[a])]
    assert len(shadows) > 100
    for below, above in shadows:
        assert matches[below] <= matches[above], (rules[below], rules[above])
    assert sum(map(bool, matches)) > 40, "the comparison is one of rules that do match"


def test_every_rule_shadows_its_equal_and_is_shadowed_by_one_without_conditions() -> None:
    random = Random(3)
    for each in [conditions(random) for _ in range(50)]:
        assert shadowed(each, each)
        assert shadowed(each, RuleConditions())
