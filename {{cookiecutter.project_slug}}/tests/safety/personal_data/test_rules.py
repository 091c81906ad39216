import pytest
from pydantic import ValidationError

from app.safety.domain.personal_data import PersonalDataProtection, PersonalDataRules
from app.safety.domain.personal_data.protection import is_personal_data
from app.safety.domain.privacy_policy import PrivacyPolicy
from app.safety.domain.text import Finding


def rules(**fields: object) -> PersonalDataRules:
    return PrivacyPolicy.model_validate({"owner": "someone", "personal_data": fields}).personal_data


def test_one_word_stands_for_every_data_class_and_each_can_have_its_own() -> None:
    same = rules(documents="mask")
    assert {same.documents.of(each) for each in ("public", "internal", "confidential")} == {"mask"}
    apart = rules(prompts={"public": "keep", "internal": "keep", "confidential": "pseudonymise"})
    assert PersonalDataProtection(apart, "confidential").prompts == "pseudonymise"
    assert PersonalDataProtection(apart, "internal").prompts == "keep"


@pytest.mark.parametrize(
    "wrong",
    [{"documents": "hide"}, {"logs": "keep"}, {"kinds": ["name"]}, {"countries": ["Germany"]}, {"promts": "keep"}],
)
def test_a_misspelt_or_impossible_rule_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        rules(**wrong)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("http://127.0.0.1:8080/v1", False),
        ("http://localhost/v1", False),
        ("https://models.inside.example/v1", False),
        ("https://api.elsewhere.example/v1", True),
        ("https://localhost.elsewhere.example/v1", True),
        ("https://localhost@elsewhere.example/v1", True),
    ],
)
def test_prompts_leave_this_machine_and_hosts_of_ones_own_only_with_pseudonyms(address: str, expected: bool) -> None:
    protection = PersonalDataProtection(rules(inside_hosts=["models.inside.example"]), "internal")
    assert protection.pseudonymises(address) is expected
    assert not PersonalDataProtection(rules(), "public").pseudonymises(address)


def test_findings_name_the_kind_and_count_and_quote_nothing() -> None:
    found = PersonalDataProtection().findings("jane@acme.example, joe@acme.example, 93.184.216.34")
    assert [(each.rule, each.count, each.start) for each in found] == [
        ("personal_data.email", 2, 0),
        ("personal_data.ip_address", 1, 37),
    ]
    assert "jane" not in str(found)


@pytest.mark.parametrize(
    ("rule", "is_one"), [("personal_data.email", True), ("instructions.override", False), ("personal_data_of.x", False)]
)
def test_a_finding_of_personal_data_is_one_by_its_rule(rule: str, is_one: bool) -> None:
    assert is_personal_data(Finding(rule, "something was found")) is is_one


def test_an_answer_is_masked_where_the_rule_says_so() -> None:
    said = "Write to jane@acme.example."
    assert PersonalDataProtection(rules(answers="mask")).answer_mask(said) == "Write to [email]."
    for treatment in ("flag", "keep"):
        assert PersonalDataProtection(rules(answers=treatment)).answer_mask(said) == said


def test_a_mask_that_keeps_the_length_is_filled_or_cut_to_it() -> None:
    mask = PersonalDataProtection().mask
    assert mask.keeping_length("jane@acme.example") == "[email**********]"
    assert mask.keeping_length("Client 93.184.216.34 asked") == "Client [ip_address*] asked"
    assert mask.keeping_length("Client 8.8.8.8 asked") == "Client [ip_ad] asked"
