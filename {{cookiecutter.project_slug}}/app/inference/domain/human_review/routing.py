"""Matches answers and actions with the rules of human review."""

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from uuid import UUID

from app.core.ids import in_sample
from app.core.ownership import RiskTier
from app.inference.domain.answer import Answer
from app.inference.domain.release_names import EXTRACTIVE
from app.inference.domain.review_policy import ActionClass, ReviewPolicy, Rule, RuleConditions
from app.safety.domain.policy import kind_of
from app.safety.domain.text import Finding


@dataclass(frozen=True, slots=True)
class RoutedAnswer:
    """An answer with the values that rules are matched against."""

    answer: Answer
    question: str
    risk_tier: RiskTier
    tenant_id: UUID


@dataclass(frozen=True, slots=True)
class ProposedAction:
    """A proposed action with the values that rules are matched against. text: the question and the arguments."""

    id: UUID
    risk: ActionClass
    text: str
    findings: tuple[Finding, ...]
    risk_tier: RiskTier
    tenant_id: UUID


ALWAYS = Rule(name="irreversible", send="before", due_minutes=24 * 60)
"""Irreversible actions always wait for a person, whatever the policy says."""
UNTRUSTED = Rule(name="untrusted-text", send="before", due_minutes=24 * 60)
"""Tainted actions wait for a person too."""
SUSPICIOUS = Rule(name="suspicious-question", send="before", due_minutes=24 * 60)
"""The answer to a question whose findings policies/security.yaml sends to review."""
WITHHELD = Rule(name="output-filter", send="before", due_minutes=24 * 60)
"""An answer waits for a person where the output policy says so of a finding."""


def rule_for_action(policy: ReviewPolicy, action: ProposedAction, tainted: bool) -> Rule | None:
    """The first matching rule; None when the action runs without review. A rule with send: after is overridden for an
    irreversible or tainted action.
    """
    rule = next((rule for rule in policy.rules if fits_action(rule.when, action)), None)
    if rule and rule.send == "before":
        return rule
    if action.risk == "irreversible":
        return ALWAYS
    return UNTRUSTED if tainted else rule


def fits_action(when: RuleConditions, action: ProposedAction) -> bool:
    return (
        action.risk in when.action
        and (not when.risk_tier or action.risk_tier in when.risk_tier)
        and (not when.tenants or action.tenant_id in when.tenants)
        and _has(action.findings, when.findings)
        and _mentions(when, (action.text,))
        and in_sample(action.id.bytes, when.sample)
    )


def rule_for(policy: ReviewPolicy, subject: RoutedAnswer) -> Rule | None:
    """The first matching rule; None when the answer needs no review."""
    return next((rule for rule in policy.rules if fits(rule.when, subject)), None)


def fits(when: RuleConditions, subject: RoutedAnswer) -> bool:
    answer = subject.answer
    return (
        not when.action
        and (not when.risk_tier or subject.risk_tier in when.risk_tier)
        and (not when.tenants or subject.tenant_id in when.tenants)
        and when.status in (None, answer.status)
        and when.degraded in (None, answer.degraded)
        and (not when.models or any(fnmatchcase(answer.model, each) for each in when.models))
        and _below(answer.groundedness, when.groundedness_below)
        and _below_confidence(answer, when.confidence_below)
        and _has(answer.findings, when.findings)
        and _mentions(when, (subject.question, answer.text))
        and in_sample(answer.id.bytes, when.sample)
    )


def _below(groundedness: float | None, bound: float | None) -> bool:
    return bound is None or (groundedness is not None and groundedness < bound)


def _below_confidence(answer: Answer, bound: float | None) -> bool:
    """Whether the confidence is below the bound. A confidence that the provider does not report counts as below."""
    if bound is None:
        return True
    written = answer.status == "answered" and answer.model != EXTRACTIVE
    return written and (answer.confidence is None or answer.confidence < bound)


def _has(findings: Iterable[Finding], kinds: tuple[str, ...]) -> bool:
    return not kinds or any("any" in kinds or kind_of(finding) in kinds for finding in findings)


def _mentions(when: RuleConditions, texts: tuple[str, ...]) -> bool:
    return all(
        pattern is None or any(pattern.search(text) for text in texts)
        for pattern in (when.topic, when.compiled_pattern)
    )
