"""policies/review.yaml: which answers and actions go to human review, before or after they take effect."""

import re
from datetime import datetime, timedelta
from functools import cached_property
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import Field, field_validator, model_validator

from app.actions.domain import ReviewTiming
from app.core.base_models import ExactModel
from app.core.ownership import RiskTier
from app.core.policies import PolicyModel
from app.inference.domain.release_names import EXTRACTIVE
from app.inference.domain.unreachable_rules import shadowed

FindingKind = Literal[
    "any",
    "instructions",
    "suspected_instructions",
    "hidden_instructions",
    "hidden_characters",
    "invented_citation",
    "unsupported_sentence",
    "output_link",
    "prompt_leak",
    "other_tenant",
    "secret",
    "personal_data",
]
ActionClass = Literal["reversible", "irreversible"]
OF_ANSWERS = ("groundedness_below", "confidence_below", "models", "degraded", "status")
"""Conditions that only an answer can meet."""
Word = Annotated[str, Field(min_length=1, max_length=200, pattern=r"\w")]
Share = Annotated[float, Field(gt=0, le=1)]


class RuleConditions(ExactModel):
    """All named conditions must be met; of a list, one entry is enough. Without `action` they apply to answers."""

    action: tuple[ActionClass, ...] = Field(
        (), description="The rule applies to proposed actions of this risk class, and not to answers."
    )
    risk_tier: tuple[RiskTier, ...] = Field((), description="Risk tier of policies/ownership.yaml in the release.")
    words: tuple[Word, ...] = Field((), description="Words or phrases in the question or in the answer.")
    pattern: str | None = Field(None, min_length=1, max_length=1000, description="A regular expression for the same.")
    findings: tuple[FindingKind, ...] = Field((), description="Findings of screening, in the question or the answer.")
    groundedness_below: Share | None = Field(
        None, description="The share of the answer's sentences that the evidence supports is below this."
    )
    confidence_below: Share | None = Field(
        None,
        description="A model wrote the answer, and its confidence (the geometric mean of its tokens' probabilities) is "
        "below this or not reported by its provider.",
    )
    models: tuple[Word, ...] = Field((), description="The model that wrote the answer; a trailing * matches several.")
    degraded: bool | None = Field(None, description="Whether the answer is degraded.")
    status: Literal["answered", "refused"] | None = Field(None, description="Whether it is an answer or a refusal.")
    tenants: tuple[UUID, ...] = Field((), description="Ids of the tenants whose answers the rule applies to.")
    sample: Share = Field(
        1.0, description="The share of matching answers that is reviewed, sampled by the answer's id."
    )

    @field_validator("action", "risk_tier", "words", "findings", "models", "tenants", mode="before")
    @classmethod
    def _names_something(cls, value: object) -> object:
        if isinstance(value, list) and not value:
            raise ValueError("an empty list never matches; name something or leave the condition out")
        return value

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, value: str | None) -> str | None:
        try:
            re.compile(value or "")
        except re.error as error:
            raise ValueError(f"is not a regular expression ({error}); correct it") from error
        return value

    @model_validator(mode="after")
    def _can_match(self) -> Self:
        if self.status == "refused" and self.groundedness_below is not None:
            raise ValueError("a refusal has no groundedness, so the rule never matches; remove one of the two")
        if self.confidence_below is not None and self.status == "refused":
            raise ValueError("a refusal has no confidence, so the rule never matches; remove one of the two")
        if self.confidence_below is not None and self.models and set(self.models) == {EXTRACTIVE}:
            raise ValueError("a quoted answer has no confidence, so the rule never matches; name a language model")
        if self.action and (named := [name for name in OF_ANSWERS if getattr(self, name) not in (None, ())]):
            raise ValueError(f"an action has no {named[0]}; write a rule of its own for answers")
        return self

    @cached_property
    def topic(self) -> re.Pattern[str] | None:
        """Matches the words and phrases, as whole words; None without any."""
        if not self.words:
            return None
        words = "|".join(re.escape(word) for word in sorted(self.words, key=len, reverse=True))
        return re.compile(rf"(?<!\w)(?:{words})(?!\w)", re.IGNORECASE)

    @cached_property
    def compiled_pattern(self) -> re.Pattern[str] | None:
        return re.compile(self.pattern, re.IGNORECASE) if self.pattern else None


class Rule(ExactModel):
    """One rule that sends answers or actions to human review."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,59}$", description="Its name in the review queue.")
    when: RuleConditions = Field(RuleConditions(), description="Which answers or actions; all answers if empty.")
    send: ReviewTiming = Field(
        description="before: the answer is held for the decision. after: it is delivered at once."
    )
    due_minutes: int = Field(ge=1, le=43_200, description="A held answer that is not decided by then is rejected.")
    escalate_minutes: int | None = Field(
        None, ge=1, le=43_200, description="From then on the item is marked urgent in the queue."
    )
    decisions: int = Field(1, ge=1, le=9, description="How many people must approve the same text.")
    self_approval: Literal["refuse", "allow"] = Field(
        "refuse", description="Whether the asker may decide; never at risk tier high."
    )

    @model_validator(mode="after")
    def _escalates_in_time(self) -> Self:
        if self.escalate_minutes is not None and self.escalate_minutes >= self.due_minutes:
            raise ValueError(f"rule '{self.name}' never escalates: escalate_minutes must be below due_minutes")
        return self

    @model_validator(mode="after")
    def _irreversible_actions_wait(self) -> Self:
        if self.send == "after" and "irreversible" in self.when.action:
            raise ValueError(f"rule '{self.name}' lets irreversible actions run first; they always wait: send before")
        return self

    def due(self, since: datetime) -> datetime:
        return since + timedelta(minutes=self.due_minutes)

    def escalates(self, since: datetime) -> datetime | None:
        return since + timedelta(minutes=self.escalate_minutes) if self.escalate_minutes else None

    def lets_asker_decide(self, risk_tier: RiskTier) -> bool:
        return self.self_approval == "allow" and risk_tier != "high"


class ReviewPolicy(PolicyModel):
    """policies/review.yaml. The first matching rule applies. A rule that can never match is an error at the start."""

    lease_seconds: int = Field(300, ge=10, le=86_400, description="Lease of a claimed item, from the last heartbeat.")
    overlap: float = Field(
        0.1, ge=0, le=1, description="Share of items that a second reviewer judges blindly, to measure agreement."
    )
    rules: tuple[Rule, ...] = Field((), description="In order; rules with send: before come first.")

    @field_validator("rules")
    @classmethod
    def _each_can_match(cls, rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
        for place, rule in enumerate(rules):
            above = [other for other in rules[:place] if bool(other.when.action) == bool(rule.when.action)]
            if any(other.name == rule.name for other in rules[:place]):
                raise ValueError(f"two rules are called '{rule.name}'; give one another name")
            if rule.send == "before" and (late := next((o for o in above if o.send == "after"), None)):
                raise ValueError(
                    f"rule '{rule.name}' is below '{late.name}', which delivers answers first; move it above"
                )
            if other := next((each for each in above if shadowed(rule.when, each.when)), None):
                raise ValueError(
                    f"rule '{rule.name}' can never match, because '{other.name}' above it matches all that it would; "
                    "move it up, narrow the other rule or remove it"
                )
        return rules

    @classmethod
    def merge(cls, policy: Any, extension: Any) -> Any:
        """As every policy, but for the rules: the team's come first, and those that hold before those that do not."""
        merged = super().merge(policy, extension)
        if not isinstance(extension.get("rules"), list):
            return merged
        rules = [*extension["rules"], *(policy.get("rules") or ())]
        held = [each for each in rules if isinstance(each, dict) and each.get("send") == "before"]
        return {**merged, "rules": [*held, *(each for each in rules if each not in held)]}

    @property
    def asks_confidence(self) -> bool:
        """Whether a rule needs the model's confidence, which providers report only on request."""
        return any(rule.when.confidence_below is not None for rule in self.rules)

    def may_hold(self, risk_tier: RiskTier, tenant_id: UUID) -> bool:
        """Whether any answer to this tenant might be held; checked before there is an answer."""
        return any(
            rule.send == "before"
            and not rule.when.action
            and (not rule.when.risk_tier or risk_tier in rule.when.risk_tier)
            and (not rule.when.tenants or tenant_id in rule.when.tenants)
            for rule in self.rules
        )


NO_REVIEW = ReviewPolicy(owner="nobody")
"""The policy of a release without policies/review.yaml."""
