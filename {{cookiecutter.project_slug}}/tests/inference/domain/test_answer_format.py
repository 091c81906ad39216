"""Objects of the client's own form: the schemas that are accepted, and what is checked by them."""

from typing import Any

import pytest

from app.inference.domain.answer_format import AnswerFormat, FormatInvalid, ObjectInvalid, check_schema
from app.inference.domain.structured_draft import check_leaves
from app.inference.domain.tool_calls import ToolResult

PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string", "pattern": "^[A-Z]"}, "year": {"type": "integer"}},
    "required": ["name"],
    "additionalProperties": False,
}


def deep(levels: int) -> dict[str, Any]:
    return {"type": "object", "properties": {"x": deep(levels - 1)}} if levels else {"type": "string"}


def doubling(levels: int) -> dict[str, Any]:
    """A schema of few characters that takes two to the power of `levels` steps."""
    defs: dict[str, Any] = {
        f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}, {"$ref": f"#/$defs/d{n + 1}"}]} for n in range(levels)
    }
    return {"$defs": {**defs, f"d{levels}": {}}, "$ref": "#/$defs/d0"}


@pytest.mark.parametrize(
    ("schema", "why"),
    [
        ({"$ref": "https://elsewhere.example/schema.json"}, "another address"),
        ({"properties": {"a": {"$ref": "file:///etc/passwd"}}}, "another address"),
        ({"type": "nonsense"}, "not valid"),
        ({"$ref": "#"}, "too many steps"),
        (doubling(40), "too many steps"),
        ({"$ref": "#/$defs/none"}, "too many steps|not valid"),
        (deep(15), "levels deep"),
        ({"description": "x" * 20_001}, "characters"),
        ({"type": "string", "pattern": "(?=a)b"}, "look-around"),
        ({"patternProperties": {"^a": {}}}, "patternProperties"),
    ],
)
def test_a_schema_that_cannot_be_checked_safely_is_refused(schema: dict[str, Any], why: str) -> None:
    with pytest.raises(FormatInvalid, match=why):
        check_schema(schema)


def test_local_references_are_followed() -> None:
    schema = {"$defs": {"p": PERSON}, "type": "object", "properties": {"who": {"$ref": "#/$defs/p"}}}
    check_schema(schema)
    form = AnswerFormat("x", schema)
    assert form.parse('{"who": {"name": "Marta"}}') == {"who": {"name": "Marta"}}
    with pytest.raises(ObjectInvalid, match="who/name"):
        form.parse('{"who": {"name": "marta"}}')


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        ("Marta Holm", "not JSON"),
        ("[1]", "not a JSON object"),
        ('{"year": 1874}', "name"),
        ('{"name": "M", "x": 1}', "Additional properties"),
        ('{"name": "M", "year": "1874"}', "year"),
    ],
)
def test_a_reply_that_is_not_the_object_is_told_why(reply: str, why: str) -> None:
    with pytest.raises(ObjectInvalid, match=why):
        AnswerFormat("x", PERSON).parse(reply)


def test_a_fenced_reply_is_read() -> None:
    assert AnswerFormat("x", PERSON).parse('```json\n{"name": "Marta"}\n```') == {"name": "Marta"}


def test_a_slow_pattern_stops_nothing() -> None:
    form = AnswerFormat("x", {"type": "object", "properties": {"a": {"type": "string", "pattern": "^(a+)+$"}}})
    with pytest.raises(ObjectInvalid):
        form.parse('{"a": "' + "a" * 5_000 + '!"}')


def test_each_text_and_number_is_a_claim_except_for_listed_values() -> None:
    form = AnswerFormat("x", {"type": "object", "properties": {"kind": {"enum": ["tower", "bridge"]}}})
    passage = ToolResult("", "The lighthouse was built in 1874 by the engineer Marta Holm.")
    good = check_leaves(form, {"kind": "tower", "who": "Marta Holm", "year": 1874, "open": True}, [passage])
    assert (good.sentences, good.unsupported) == (2, 0)
    bad = check_leaves(form, {"who": ["Peter Brandt"], "year": 1875}, [passage])
    assert (bad.sentences, bad.unsupported) == (2, 2)
