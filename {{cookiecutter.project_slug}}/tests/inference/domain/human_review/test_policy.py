"""Which answers and actions a rule of policies/review.yaml sends to review, and which rules the start refuses."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from pydantic import ValidationError

from app.core.clock import ManualClock
from app.core.errors import StartRefused
from app.core.policies import read_policies
from app.inference.domain.human_review import (
    ActionClass,
    ProposedAction,
    ReviewPolicy,
    RoutedAnswer,
    rule_for,
    rule_for_action,
)
from app.safety.domain.text import Finding
from tests.review.conftest import answer_of

TENANT = UUID(int=7)


def rule(name: str = "one", send: str = "before", **when: Any) -> dict[str, Any]:
    return {"name": name, "send": send, "due_minutes": 60, "when": when}


def policy(*rules: dict[str, Any]) -> ReviewPolicy:
    return ReviewPolicy.model_validate({"owner": "tests", "rules": list(rules)})


def fits(when: dict[str, Any], question: str = "When?", tier: str = "medium", **changes: Any) -> bool:
    answer = replace(answer_of(ManualClock()), **changes)
    return rule_for(policy(rule(**when)), RoutedAnswer(answer, question, tier, TENANT)) is not None  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("when", "about", "expected"),
    [
        ({}, {}, True),
        ({"risk_tier": ["high"]}, {"tier": "high"}, True),
        ({"risk_tier": ["high"]}, {}, False),
        ({"words": ["gate"]}, {}, True),
        ({"words": ["GATE opens"]}, {}, True),
        ({"words": ["gat"]}, {}, False),
        ({"words": ["dosage"]}, {"question": "Which dosage?"}, True),
        ({"pattern": r"\bse\w+en\b"}, {}, True),
        ({"pattern": r"^never$"}, {}, False),
        ({"findings": ["any"]}, {}, False),
        ({"findings": ["any"]}, {"findings": (Finding("tag_characters", ""),)}, True),
        ({"findings": ["instructions"]}, {"findings": (Finding("instructions.override", ""),)}, True),
        ({"findings": ["instructions"]}, {"findings": (Finding("zero_width", ""),)}, False),
        ({"groundedness_below": 0.8}, {"groundedness": 0.79}, True),
        ({"groundedness_below": 0.8}, {"groundedness": 0.8}, False),
        ({"groundedness_below": 0.8}, {"groundedness": None}, False),
        ({"confidence_below": 0.6}, {"model": "m", "confidence": 0.59}, True),
        ({"confidence_below": 0.6}, {"model": "m", "confidence": 0.6}, False),
        ({"confidence_below": 0.6}, {"model": "m", "confidence": None}, True),
        ({"confidence_below": 0.6}, {"model": "m", "confidence": None, "status": "refused"}, False),
        ({"confidence_below": 0.6}, {"confidence": None}, False),
        ({"models": ["extr*"]}, {}, True),
        ({"models": ["gpt-4o"]}, {}, False),
        ({"models": ["gpt-4o", "extractive"]}, {}, True),
        ({"degraded": False}, {}, True),
        ({"status": "answered"}, {}, True),
        ({"degraded": True}, {}, False),
        ({"degraded": True}, {"degraded": True}, True),
        ({"status": "refused"}, {}, False),
        ({"tenants": [str(TENANT)]}, {}, True),
        ({"tenants": [str(uuid4())]}, {}, False),
        ({"words": ["gate"], "degraded": True}, {}, False),
    ],
)
def test_a_rule_matches_when_all_its_conditions_hold(
    when: dict[str, Any], about: dict[str, Any], expected: bool
) -> None:
    assert fits(when, **about) is expected


def waits(
    *rules: dict[str, Any],
    risk: ActionClass = "reversible",
    text: str = "Add a note.",
    tainted: bool = False,
    **more: Any,
) -> tuple[str, str] | None:
    deed = ProposedAction(
        **{"id": uuid4(), "risk": risk, "text": text, "findings": (), "risk_tier": "low", "tenant_id": TENANT} | more
    )
    found = rule_for_action(policy(*rules), deed, tainted)
    return (found.name, found.send) if found else None


def test_the_rules_decide_whether_an_action_needs_approval() -> None:
    assert waits() is None
    assert waits(rule("a")) is None, "a rule without a class is about answers"
    assert waits(rule("a", action=["reversible"])) == ("a", "before")
    assert waits(rule("a", action=["irreversible"])) is None
    assert waits(rule("a", "after", action=["reversible"])) == ("a", "after")
    assert waits(rule("a", action=["reversible"], words=["note"])) == ("a", "before")
    assert waits(rule("a", action=["reversible"], words=["refund"])) is None
    assert waits(rule("a", action=["reversible"], risk_tier=["high"])) is None
    assert waits(rule("a", action=["reversible"], risk_tier=["high"]), risk_tier="high") == ("a", "before")
    assert waits(rule("a", action=["reversible"], tenants=[str(TENANT)])) == ("a", "before")
    ids = [UUID(int=number) for number in range(400)]
    sampled = [waits(rule("a", action=["reversible"], sample=0.25), id=each) is not None for each in ids]
    assert 60 < sum(sampled) < 140
    assert waits(rule("a", action=["reversible"], tenants=[str(uuid4())])) is None
    finding = (Finding("instructions.override", ""),)
    assert waits(rule("a", action=["reversible"], findings=["instructions"]), findings=finding) == (
        "a",
        "before",
    )


def test_an_irreversible_action_always_needs_approval() -> None:
    assert waits(risk="irreversible") == ("irreversible", "before")
    assert waits(rule("a", action=["irreversible"]), risk="irreversible") == ("a", "before")
    assert waits(rule("a", action=["irreversible"], words=["x"]), risk="irreversible") == (
        "irreversible",
        "before",
    )


def test_after_untrusted_text_every_action_needs_approval() -> None:
    assert waits(tainted=True) == ("untrusted-text", "before")
    assert waits(rule("a", "after", action=["reversible"]), tainted=True) == ("untrusted-text", "before")
    assert waits(rule("a", action=["reversible"]), tainted=True) == ("a", "before")


def test_a_rule_on_actions_matches_no_answer() -> None:
    assert not fits({"action": ["reversible", "irreversible"]})
    assert not policy(rule(action=["reversible"])).may_hold("high", TENANT)


def test_rules_on_actions_and_rules_on_answers_are_independent() -> None:
    assert (
        len(
            policy(
                rule("a", "after"), rule("b", action=["irreversible"]), rule("c", "after", action=["reversible"])
            ).rules
        )
        == 3
    )


@pytest.mark.parametrize(
    ("said", "tier", "may"),
    [("refuse", "low", False), ("allow", "low", True), ("allow", "medium", True), ("allow", "high", False)],
)
def test_the_asker_decides_where_the_rule_says_so_and_never_at_high_risk(said: str, tier: Any, may: bool) -> None:
    (found,) = policy({**rule(), "self_approval": said}).rules
    assert found.lets_asker_decide(tier) is may


def test_a_rule_has_its_times_from_the_moment_of_the_answer() -> None:
    since = ManualClock().now()
    (found,) = policy({**rule(), "escalate_minutes": 59}).rules
    assert (found.due(since) - since, (found.escalates(since) or since) - since) == (
        timedelta(minutes=60),
        timedelta(minutes=59),
    )
    assert policy(rule()).rules[0].escalates(since) is None


def test_the_confidence_is_asked_for_where_a_rule_needs_it() -> None:
    assert policy(rule("a", words=["x"]), rule("b", confidence_below=0.5)).asks_confidence
    assert not policy(rule()).asks_confidence
    assert len(policy(rule("a", confidence_below=0.5, models=["extractive", "gpt"])).rules) == 1


def test_the_first_matching_rule_applies() -> None:
    rules = policy(rule("a", words=["nothing"]), rule("b", words=["gate"]), rule("c"))
    found = rule_for(rules, RoutedAnswer(answer_of(ManualClock()), "When?", "low", TENANT))
    assert found is not None
    assert found.name == "b"


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ([rule("a"), rule("b", words=["x"])], "rule 'b' can never match, because 'a' above it matches all"),
        ([rule("a", words=["x", "y"]), rule("b", words=["Y"], degraded=True)], "'b' can never match"),
        ([rule("a", groundedness_below=0.9), rule("b", groundedness_below=0.5)], "'b' can never match"),
        ([rule("a", confidence_below=0.9), rule("b", confidence_below=0.9)], "'b' can never match"),
        ([rule("a", status="answered"), rule("b", confidence_below=0.5)], "'b' can never match"),
        ([rule("a", confidence_below=0.5, status="refused")], "a refusal has no confidence"),
        ([rule("a", confidence_below=0.5, models=["extractive"])], "a quoted answer has no confidence"),
        ([rule("a", confidence_below=0.5, action=["reversible"])], "an action has no confidence_below"),
        ([rule("a", confidence_below=1.5)], "less than or equal to 1"),
        ([rule("a", findings=["any"]), rule("b", findings=["instructions"])], "'b' can never match"),
        ([rule("a", models=["gpt-*"]), rule("b", models=["gpt-4o"])], "'b' can never match"),
        ([rule("a", sample=0.5), rule("b", sample=0.2)], "'b' can never match"),
        ([rule("a", status="answered"), rule("b", groundedness_below=0.5)], "'b' can never match"),
        ([rule("a", "after", words=["x"]), rule("b")], "'b' is below 'a', which delivers answers first; move it above"),
        ([rule("a"), rule("a", words=["x"])], "two rules are called 'a'"),
        ([rule("a", action=["reversible"]), rule("b", action=["reversible"], words=["x"])], "'b' can never match"),
        ([rule("a", action=["reversible"], groundedness_below=0.5)], "an action has no groundedness_below"),
        ([rule("a", action=["reversible"], models=["x"])], "an action has no models"),
        ([rule("a", "after", action=["irreversible"])], "they always wait: send before"),
        ([rule("a", action=[])], "an empty list never matches"),
        ([rule("a", words=[])], "an empty list never matches"),
        ([rule("a", status="refused", groundedness_below=0.5)], "a refusal has no groundedness"),
        ([rule("a", pattern="(")], "is not a regular expression"),
        ([rule("a", risk_tier=["extreme"])], "'low', 'medium' or 'high'"),
        ([rule("a", findings=["rumours"])], "unsupported_sentence"),
        ([rule("a", sample=0)], "greater than 0"),
        ([rule("a", moon="full")], "Extra inputs are not permitted"),
        ([{**rule("a"), "escalate_minutes": 60}], "never escalates"),
    ],
)
def test_a_rule_that_can_never_match_is_refused(rules: list[dict[str, Any]], said: str) -> None:
    with pytest.raises(ValidationError) as refused:
        policy(*rules)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    "rules",
    [
        [rule("a", words=["x"]), rule("b", words=["x", "y"])],
        [rule("a", groundedness_below=0.5), rule("b", groundedness_below=0.9)],
        [rule("a", confidence_below=0.5), rule("b", confidence_below=0.9)],
        [rule("a", confidence_below=0.5), rule("b", groundedness_below=0.9)],
        [rule("a", sample=0.2), rule("b", sample=0.5)],
        [rule("a", models=["gpt-4o"]), rule("b", models=["gpt-*"])],
        [rule("a", findings=["instructions"]), rule("b", findings=["any"])],
        [rule("a", status="answered"), rule("b")],
        [rule("a", risk_tier=["high"], words=["x"]), rule("b", words=["x"])],
    ],
)
def test_a_rule_that_is_only_partly_covered_is_accepted(rules: list[dict[str, Any]]) -> None:
    assert len(policy(*rules).rules) == 2


def test_the_start_names_the_file_the_rule_and_the_remedy() -> None:
    rules = b"".join(b"\n  - {name: %b, send: before, due_minutes: 5}" % name for name in (b"a", b"b"))
    raw = b"owner: tests\nrules:" + rules
    with pytest.raises(StartRefused) as refused:
        read_policies({"review": raw}, {"review": ReviewPolicy}, "policies")
    said = str(refused.value)
    assert "policies/review.yaml: rules: " in said
    assert "rule 'b' can never match" in said
    assert "move it up, narrow the other rule or remove it" in said
    assert len(said) < 500


def test_a_stream_is_delayed_only_where_a_rule_could_hold_the_answer() -> None:
    rules = policy(rule("a", risk_tier=["high"]), rule("b", tenants=[str(TENANT)]), rule("c", "after"))
    assert rules.may_hold("high", uuid4())
    assert rules.may_hold("low", TENANT)
    assert not rules.may_hold("low", uuid4())


def test_rules_of_the_team_come_first_among_those_that_hold_and_among_the_others() -> None:
    ours = {"owner": "us", "overlap": 0.2, "rules": [rule("a"), rule("b", "after")]}
    team = {"overlap": 0.5, "rules": [rule("c", "after"), rule("d")]}
    merged = ReviewPolicy.merge(ours, team)
    assert [each["name"] for each in merged.pop("rules")] == ["d", "a", "c", "b"]
    assert merged == {"owner": "us", "overlap": 0.5}
    assert [each["name"] for each in ReviewPolicy.merge({"owner": "us"}, team)["rules"]] == ["d", "c"]
    assert ReviewPolicy.merge(ours, {"lease_seconds": 20}) == {**ours, "lease_seconds": 20}
    assert ReviewPolicy.merge(ours, {"rules": ["no rule", rule("d")]})["rules"] == [
        *(rule("d"), rule("a")),
        *("no rule", rule("b", "after")),
    ]
