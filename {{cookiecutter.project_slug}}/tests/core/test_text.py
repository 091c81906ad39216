import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import Invalid
from app.core.text import check_json, check_query, check_text, check_value, clean, flaw_in, safe_str

NUL = "contains the character U+0000, which cannot be stored"
SURROGATE = "contains a lone surrogate (U+D800), which cannot be stored"


@pytest.mark.parametrize(
    ("text", "flaw"),
    [
        ("", None),
        ("Grüße 🍵\n\x01\ufffd\uffff", None),
        ("a\x00b", NUL),
        ("a\ud800b", SURROGATE),
        ("\udfff\x00", "contains a lone surrogate (U+DFFF), which cannot be stored"),
    ],
)
def test_the_first_character_that_cannot_be_stored_is_named(text: str, flaw: str | None) -> None:
    assert flaw_in(text) == flaw


@given(st.text(st.characters(exclude_categories=[]) | st.sampled_from("\x00\ud800\udfff")))
def test_a_cleaned_text_can_be_stored_and_has_as_many_characters(text: str) -> None:
    assert flaw_in(clean(text)) is None
    assert len(clean(text)) == len(text)
    assert clean(clean(text)) == clean(text)


def test_a_text_that_is_refused_is_named_by_its_field() -> None:
    assert check_text("tea", "title") == "tea"
    with pytest.raises(Invalid) as refused:
        check_text("\0", "title")
    assert refused.value.as_dict()["errors"] == [{"field": "title", "message": NUL, "kind": "unstorable"}]


@pytest.mark.parametrize(
    ("body", "field", "message"),
    [
        (rb'{"a": "\u0000"}', "body.a", NUL),
        (rb'{"a": {"b": [1, "\ud800"]}}', "body.a.b.1", SURROGATE),
        (rb'["\u0000"]', "body.0", NUL),
        (rb'"\u0000"', "body", NUL),
        (rb'{"\u0000": 1}', "body.\ufffd", f"the name {NUL}"),
        (rb'{"a": {"x\ud800": 1}}', "body.a.x\ufffd", f"the name {SURROGATE}"),
        (b'{"a": 9223372036854775808}', "body.a", "is a number of more than 64 bits"),
        (b'{"a": [-9223372036854775808]}', "body.a.0", "is a number of more than 64 bits"),
        (b'{"a": NaN}', "body.a", "is not a finite number"),
        (b'{"a": -Infinity}', "body.a", "is not a finite number"),
        (b'{"a": 1e999}', "body.a", "is not a finite number"),
        (b'{"a": 1E+400}', "body.a", "is not a finite number"),
        (b'{"a": 1' + b"0" * 400 + b".0}", "body.a", "is not a finite number"),
        ('{"a": "\\u0000"}'.encode("utf-16"), "body.a", NUL),
        ('{"a": "\\u0000"}'.encode("utf-32"), "body.a", NUL),
    ],
)
def test_a_value_that_no_column_holds_is_named_by_its_path(body: bytes, field: str, message: str) -> None:
    with pytest.raises(Invalid) as refused:
        check_json(body)
    assert refused.value.as_dict()["errors"] == [{"field": field, "message": message, "kind": "unstorable"}]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b'{"a": 9223372036854775807, "b": -9223372036854775807}',
        rb'{"a": "\ud83c\udf75"}',
        rb'{"a": "\\u0000 NaN Infinity"}',
        b'{"a": "1234567890123456789012"}',
        b'{"a": 0.1234567890123456789, "b": 1e-400}',
        rb'{"a": "\u0000"',
        b'{"a": ' + b"1" * 5000 + b"}",
        b'{"a": NaN' + b"[" * 200_000,
        b"\x00",
        b"\xed\xa0\x80",
    ],
)
def test_other_bodies_pass_and_malformed_ones_are_left_to_the_parser(body: bytes) -> None:
    check_json(body)


LEAVES = st.sampled_from(["tea", "a\0", "\ud800", 7, 2**63, -(2**63), 1.5, float("inf"), None, True])
KEYS = st.sampled_from(["a", "b", "\0", "x\ud800"])


@given(st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner), max_leaves=5))
def test_a_body_is_judged_as_its_value(value: object) -> None:
    def refused(check: Callable[..., None], *arguments: object) -> str | None:
        try:
            check(*arguments)
        except Invalid as error:
            return str(error.extra["errors"])
        return None

    assert refused(check_json, json.dumps(value).encode()) == refused(check_value, value, "body")


def test_a_value_of_any_depth_is_checked() -> None:
    value: object = "\0"
    for _ in range(50_000):
        value = [value]
    with pytest.raises(Invalid) as refused:
        check_value(value, "body")
    assert len(refused.value.extra["errors"][0]["field"]) == 200


@pytest.mark.parametrize(
    ("query", "field"),
    [
        (b"q=a%00b", "query.q"),
        (b"a=1&q=%00&b=", "query.q"),
        (b"q=a\x00", "query.q"),
        (b"%00=1", "query"),
        (b"q%00", "query"),
    ],
)
def test_a_parameter_with_a_nul_is_named(query: bytes, field: str) -> None:
    with pytest.raises(Invalid) as refused:
        check_query(query)
    assert [each["field"] for each in refused.value.extra["errors"]] == [field]


@pytest.mark.parametrize("query", [b"", b"q=%2500", b"q=%0a", b"q=\xff%ff", b"&&=&q", b"q=%"])
def test_other_queries_pass(query: bytes) -> None:
    check_query(query)


class Unprintable:
    def __str__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    ("value", "text"), [("é", "é"), ("\ud800", "\\ud800"), (7, "7"), (Unprintable(), "<Unprintable>")]
)
def test_any_value_has_a_text(value: object, text: str) -> None:
    assert safe_str(value) == text
