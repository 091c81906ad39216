"""Which rule an answer or an action falls under. A rule decides; who looks and what becomes of it is told elsewhere."""

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from uuid import UUID

from app.core.ids import drawn
from app.core.ownership import RiskTier
from app.inference.domain.answer import EXTRACTIVE, Answer
from app.inference.domain.human_review.policy import ActionClass, ReviewPolicy, Rule, RuleConditions
from app.safety.domain.policy import kind_of
from app.safety.domain.text import Finding


@dataclass(frozen=True, slots=True)
class RoutedAnswer:
    """An answer, and what about it the rules ask for."""

    answer: Answer
    question: str
    risk_tier: RiskTier
    tenant_id: UUID


@dataclass(frozen=True, slots=True)
class ProposedAction:
    """An action as it was proposed, and what about it the rules ask for. text: the question and the arguments."""

    id: UUID
    risk: ActionClass
    text: str
    findings: tuple[Finding, ...]
    risk_tier: RiskTier
    tenant_id: UUID


ALWAYS = Rule(name="irreversible", send="before", due_minutes=24 * 60)
"""What cannot be undone waits for a person, whatever the rules say."""
UNTRUSTED = Rule(name="untrusted-text", send="before", due_minutes=24 * 60)
"""So does what was proposed after the model had read what others wrote."""


def rule_for_action(policy: ReviewPolicy, deed: ProposedAction, tainted: bool) -> Rule | None:
    """The first rule that fits; None when the action may run by itself. One that lets it run first gives way where it
    must wait.
    """
    rule = next((rule for rule in policy.rules if fits_action(rule.when, deed)), None)
    if rule and rule.send == "before":
        return rule
    if deed.risk == "irreversible":
        return ALWAYS
    return UNTRUSTED if tainted else rule


def fits_action(when: RuleConditions, deed: ProposedAction) -> bool:
    return (
        deed.risk in when.action
        and (not when.risk_tier or deed.risk_tier in when.risk_tier)
        and (not when.tenants or deed.tenant_id in when.tenants)
        and _has(deed.findings, when.findings)
        and _says(when, (deed.text,))
        and drawn(deed.id.bytes, when.sample)
    )


def rule_for(policy: ReviewPolicy, subject: RoutedAnswer) -> Rule | None:
    """The first rule that fits; None when the answer needs nobody."""
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
        and _unsure(answer, when.confidence_below)
        and _has(answer.findings, when.findings)
        and _says(when, (subject.question, answer.text))
        and drawn(answer.id.bytes, when.sample)
    )


def _below(groundedness: float | None, bound: float | None) -> bool:
    return bound is None or (groundedness is not None and groundedness < bound)


def _unsure(answer: Answer, bound: float | None) -> bool:
    """A model whose provider tells nothing is not believed to have been sure."""
    if bound is None:
        return True
    written = answer.status == "answered" and answer.model != EXTRACTIVE
    return written and (answer.confidence is None or answer.confidence < bound)


def _has(findings: Iterable[Finding], wanted: tuple[str, ...]) -> bool:
    return not wanted or any("any" in wanted or kind_of(finding) in wanted for finding in findings)


def _says(when: RuleConditions, texts: tuple[str, ...]) -> bool:
    return all(pattern is None or any(pattern.search(text) for text in texts) for pattern in (when.topic, when.found))
