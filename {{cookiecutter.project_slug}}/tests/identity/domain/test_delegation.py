"""What a key that is made by a restricted one may have."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from app.identity.domain import InvalidKeyTerms, KeyTerms, Principal
from app.identity.domain.delegation import check_delegated

END = datetime(2031, 5, 1, 12, 30, tzinfo=UTC)


def granter(**restrictions: object) -> Principal:
    return Principal(uuid4(), uuid4(), "granter", frozenset({"admin"}), **restrictions)  # type: ignore[arg-type]


def refusal(by: Principal, **terms: object) -> str:
    """The words of the refusal; empty where the key may be made."""
    try:
        check_delegated(KeyTerms(**terms), by)  # type: ignore[arg-type]
    except InvalidKeyTerms as error:
        return error.detail
    return ""


def test_an_unrestricted_key_makes_any() -> None:
    assert not refusal(granter())
    assert not refusal(granter(), hosts=["10.0.0.0/8"], requests_per_minute=5000, expires_at=END)


def test_a_key_that_ends_makes_none_that_outlives_it() -> None:
    by = granter(expires_at=END)
    assert "must end by 2031-05-01 12:30 UTC" in refusal(by)
    assert refusal(by, expires_at=END + timedelta(microseconds=1))
    assert not refusal(by, expires_at=END)
    assert not refusal(by, expires_at=END - timedelta(days=1))


@pytest.mark.parametrize(
    ("own", "allowed"),
    [
        (["10.1.0.0/16"], True),
        (["10.0.0.0/8"], True),
        (["10.1.0.0/16", "fd00::1/128"], True),
        (["fd00::/64"], True),
        (["10.1.0.0/16", "11.0.0.0/24"], False),
        (["0.0.0.0/0"], False),
        (["::/0"], False),
        (["fd00::/63"], False),
        ([], False),
    ],
)
def test_a_key_of_some_networks_makes_none_that_works_from_elsewhere(own: list[str], allowed: bool) -> None:
    words = refusal(granter(hosts=("10.0.0.0/8", "fd00::/64")), hosts=own)
    assert (not words) is allowed
    assert allowed or words.endswith("networks only: 10.0.0.0/8, fd00::/64.")


def test_a_key_with_a_limit_makes_none_that_may_send_more() -> None:
    by = granter(requests_per_minute=60)
    assert "at most 60 requests a minute" in refusal(by)
    assert refusal(by, requests_per_minute=61)
    assert not refusal(by, requests_per_minute=60)
    assert not refusal(by, requests_per_minute=1)


def test_each_restriction_holds_beside_the_others() -> None:
    by = granter(expires_at=END, hosts=("10.0.0.0/8",), requests_per_minute=60)
    within = {"expires_at": END, "hosts": ["10.1.0.0/16"], "requests_per_minute": 60}
    assert not refusal(by, **within)
    for name in within:
        assert refusal(by, **{key: value for key, value in within.items() if key != name}), name
