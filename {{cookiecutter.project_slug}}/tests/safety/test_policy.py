"""What the security policy says of each kind of finding, and where confidential text may go."""

import pytest

from app.safety.domain.policy import SecurityPolicy, kind_of
from app.safety.domain.text import Finding

POLICY = SecurityPolicy(owner="someone", confidential_hosts=("models.example.org",))


def finding(rule: str) -> Finding:
    return Finding(rule, "something was found")


@pytest.mark.parametrize(
    ("rule", "kind"),
    [
        ("instructions.override", "instructions"),
        ("hidden_instructions.override", "hidden_instructions"),
        ("hidden_text", "hidden_text"),
        ("zero_width", "hidden_characters"),
        ("tag_characters", "hidden_characters"),
        ("stale", "stale"),
    ],
)
def test_a_finding_belongs_to_the_kind_of_its_rule(rule: str, kind: str) -> None:
    assert kind_of(finding(rule)) == kind


@pytest.mark.parametrize("kind", ["instructions", "hidden_instructions", "hidden_text", "hidden_characters"])
def test_the_rule_of_a_kind_decides_on_documents_and_no_other_does(kind: str) -> None:
    rule = "bidi_controls" if kind == "hidden_characters" else f"{kind}.any"
    others = dict.fromkeys(type(POLICY.documents).model_fields, "flag")
    for action in ("ignore", "flag", "quarantine"):
        policy = SecurityPolicy.model_validate({"owner": "someone", "documents": {**others, kind: action}})
        assert policy.document_action(finding(rule)) == action


def test_hidden_instructions_refuse_a_question_and_hold_a_document_unless_the_policy_says_otherwise() -> None:
    assert POLICY.question_action(finding("hidden_instructions.override")) == "refuse"
    assert POLICY.document_action(finding("hidden_instructions.override")) == "quarantine"
    assert POLICY.question_action(finding("instructions.override")) == "flag"
    assert POLICY.document_action(finding("instructions.override")) == "flag"


def test_a_question_waits_for_a_person_where_the_rule_of_one_of_its_findings_says_so() -> None:
    rules = {**dict.fromkeys(type(POLICY.questions).model_fields, "flag"), "instructions": "review"}
    policy = SecurityPolicy.model_validate({"owner": "someone", "questions": rules})
    assert policy.wants_review([finding("zero_width"), finding("instructions.override")])
    assert not policy.wants_review([finding("zero_width")])
    assert not policy.wants_review([])


def test_a_finding_that_no_rule_is_about_is_flagged() -> None:
    strict = SecurityPolicy.model_validate(
        {"owner": "someone", "questions": dict.fromkeys(type(POLICY.questions).model_fields, "refuse")}
    )
    assert strict.question_action(finding("stale")) == strict.document_action(finding("stale")) == "flag"
    assert strict.question_action(finding("zero_width")) == "refuse"


@pytest.mark.parametrize(
    "address",
    [
        "http://localhost:11434/v1",
        "http://127.0.0.1/v1",
        "http://[::1]:8080/v1",
        "https://models.example.org/v1",
        "https://MODELS.example.org",
    ],
)
def test_confidential_text_may_stay_on_this_machine_or_go_to_a_named_host(address: str) -> None:
    assert POLICY.may_receive(address)


@pytest.mark.parametrize(
    "address",
    [
        "https://example.org/v1",
        "https://models.example.org.evil.net",
        "https://evil.net/models.example.org",
        "https://models.example.org@evil.net/",
        "https://localhost.evil.net",
        "models.example.org",
        "",
    ],
)
def test_confidential_text_goes_nowhere_else(address: str) -> None:
    assert not POLICY.may_receive(address)
