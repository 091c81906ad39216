"""How results are chosen is part of a release, and what no search can be made with is refused."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.releases.domain import ReleaseUnservable
from app.retrieval.domain import SearchParams
from app.retrieval.domain.indexes import PARAM_LIMITS

WHOLE = [name for name, (_, highest) in PARAM_LIMITS.items() if isinstance(highest, int)]


def test_every_parameter_has_its_limits_and_the_defaults_are_within_them() -> None:
    defaults = SearchParams().manifest()
    assert defaults.keys() == PARAM_LIMITS.keys()
    assert all(lowest <= defaults[name] <= highest for name, (lowest, highest) in PARAM_LIMITS.items())


@given(
    st.floats(0, 1) | st.sampled_from([0, 1]),
    st.integers(1, 1_000_000),
    st.integers(0, 1_000_000),
    st.integers(0, 10_000_000),
)
def test_a_manifest_gives_the_same_parameters_again(weight: float, budget: int, chunks: int, vectors: int) -> None:
    params = SearchParams(weight, budget, chunks, vectors)
    assert SearchParams.of(params.manifest()) == params


def test_what_a_release_does_not_say_has_its_default() -> None:
    assert SearchParams.of({}) == SearchParams()
    assert SearchParams.of({"budget": 5}) == SearchParams(budget=5)


@pytest.mark.parametrize("name", PARAM_LIMITS)
def test_both_limits_are_allowed_and_nothing_beyond_them(name: str) -> None:
    lowest, highest = PARAM_LIMITS[name]
    for allowed in (lowest, highest):
        assert getattr(SearchParams.of({name: allowed}), name) == allowed
    for beyond in (lowest - 1, highest + 1):
        with pytest.raises(ReleaseUnservable, match=f"retrieval.{name} is {beyond}; it must be a number from {lowest}"):
            SearchParams.of({name: beyond})


@pytest.mark.parametrize("value", [True, "1", None, [1], float("nan")])
@pytest.mark.parametrize("name", PARAM_LIMITS)
def test_only_a_number_is_a_value(name: str, value: Any) -> None:
    with pytest.raises(ReleaseUnservable, match=f"retrieval.{name}"):
        SearchParams.of({name: value})


@pytest.mark.parametrize("name", WHOLE)
def test_a_number_of_chunks_is_whole(name: str) -> None:
    with pytest.raises(ReleaseUnservable, match=f"retrieval.{name} is 100.0"):
        SearchParams.of({name: 100.0})


def test_a_parameter_of_a_newer_version_is_named() -> None:
    with pytest.raises(ReleaseUnservable, match="no search parameter alpha"):
        SearchParams.of({"budget": 5, "beta": 1, "alpha": 1})
