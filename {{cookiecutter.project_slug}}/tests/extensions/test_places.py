"""The template has nothing in the places of a team but a note, so that an update cannot touch what is there."""

from app.core.policies import merge_patch
from app.inference.domain.review_policy import ReviewPolicy
from tests.conftest import ROOT
from tests.extensions.extended_service import PLACES

NOTES = {"app/extensions": "__init__.py"} | {place: "README.txt" for place in PLACES if place != "app/extensions"}


def test_each_place_has_its_note() -> None:
    for place, note in NOTES.items():
        text = " ".join((ROOT / place / note).read_text(encoding="utf-8").split())
        assert "The template has no other file in this folder and never changes this one." in text


def test_policies_are_merged_as_a_json_merge_patch() -> None:
    """The examples of RFC 7396, appendix A, that are objects."""
    for target, patch, merged in (
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ):
        assert merge_patch(target, patch) == merged


def test_own_review_rules_come_first_and_those_that_hold_before_all_others() -> None:
    def rule(name: str, send: str) -> dict[str, str]:
        return {"name": name, "send": send}

    template = {"owner": "a", "rules": [rule("t1", "before"), rule("t2", "after")]}
    merged = ReviewPolicy.merge(template, {"owner": "b", "rules": [rule("o1", "after"), rule("o2", "before")]})
    assert merged["owner"] == "b"
    assert [each["name"] for each in merged["rules"]] == ["o2", "t1", "o1", "t2"]
    assert ReviewPolicy.merge(template, {"owner": "b"})["rules"] == template["rules"]
