"""When each signal of data health is unhealthy, and when too little is known to say so."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from app.monitoring.domain.data_health.health_judges import freshness, judge, share, volume
from app.monitoring.domain.data_health.health_policy import HealthPolicy
from app.monitoring.domain.data_health.health_signal import IN_PROCESS, NOT_IN_INDEX, HealthSignal
from app.monitoring.domain.data_health.observations import (
    ArrivalHour,
    ChangedTable,
    DataObservations,
    HeldBack,
    IndexMatch,
    UncitedDocuments,
    UnfinishedVersions,
)

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
POLICY = HealthPolicy()
ALPHA = 1e-4
DOCUMENT, OTHER = uuid4(), uuid4()
NOTHING = DataObservations(
    arrivals=(),
    living=frozenset(),
    quarantined=(),
    duplicates=(),
    tables=(),
    unfinished=UnfinishedVersions(None, ()),
    index=IndexMatch(1, True, 0, ()),
    uncited=UncitedDocuments(0, 0, 0, ()),
)


def arrivals(counts: Mapping[float, int], source: str = "prices") -> list[ArrivalHour]:
    """counts: how many versions were received so many hours before the check."""
    at = {hours: NOW - timedelta(hours=hours) for hours in counts}
    return [ArrivalHour(source, at[hours], at[hours], int(hours // 24), count) for hours, count in counts.items()]


def daily(today: int, before: Sequence[int]) -> list[ArrivalHour]:
    counts = {12.0 + 24 * day: count for day, count in enumerate([today, *before])}
    return arrivals({hours: count for hours, count in counts.items() if count})


@pytest.mark.parametrize(
    ("hours", "unhealthy"),
    [
        ([30, 54, 78, 102], False),  # every day, and 30 hours ago
        ([49, 73, 97, 121], True),  # every day, and 49 hours ago: twice the gap
        ([300, 468, 636], False),  # once a week, and twelve days ago
        ([340, 508, 676], True),
        ([30 * 24, 31 * 24, 32 * 24], True),  # silent for a month
        ([49, 73, 97, 121, 49 + 29 * 24], True),  # the longest gap ended before the last 28 days
        ([89 * 24, 90 * 24, 91 * 24], True),
        ([91 * 24, 92 * 24, 93 * 24], None),  # it has ended
        ([100, 124], None),  # on two days only
        ([100, 101, 102, 103], None),  # on one day only
        ([1.5, 1.6, 30, 60], False),
    ],
)
def test_a_source_is_silent_after_twice_its_longest_gap(hours: Sequence[float], unhealthy: bool | None) -> None:
    row = freshness("prices", arrivals(dict.fromkeys(hours, 1)), POLICY, NOW)
    assert (row.unhealthy if row else None) == unhealthy
    if row:
        assert row.value == pytest.approx(min(hours), abs=0.01)


STEADY = [100 + day % 7 for day in range(28)]


@pytest.mark.parametrize(
    ("today", "before", "unhealthy"),
    [
        (104, STEADY, False),
        (213, STEADY, True),  # above twice the greatest
        (170, STEADY, True),  # hardly by chance
        (115, STEADY, False),  # outside of all days, but chance may do it
        (0, STEADY, True),
        (50, STEADY, True),
        (60, [0, 0, 10, 0, 0, 0, 60] * 4, False),  # one large day a week
        (0, [0, 0, 10, 0, 0, 0, 60] * 4, False),
        (130, [0, 0, 10, 0, 0, 0, 60] * 4, True),
        (15, [1] * 28, False),  # too few to say
        (20, [1] * 28, True),
        (900, [300, 0, 0, 0], None),  # arrivals on a single day before
        (900, [], None),
    ],
)
def test_a_day_is_compared_with_all_days_before(today: int, before: Sequence[int], unhealthy: bool | None) -> None:
    row = volume("prices", daily(today, before), POLICY, ALPHA)
    assert (row.unhealthy if row else None) == unhealthy


def test_arrivals_as_usual_are_hardly_ever_an_alarm() -> None:
    """A month of daily checks of twenty sources with counts that vary by chance alone."""
    chance = random.Random(7)
    level = POLICY.alpha / (30 * 21)
    alarms = 0
    for _ in range(600):
        days = [sum(chance.random() < 0.3 for _ in range(200)) for _ in range(29)]
        row = volume("prices", daily(days[0], days[1:]), POLICY, level)
        alarms += row is not None and row.unhealthy
    assert alarms == 0


@pytest.mark.parametrize(
    ("today", "before", "hits", "hits_before", "unhealthy"),
    [
        (100, 2800, 40, 140, True),
        (100, 2800, 8, 140, False),  # a little more than 5 of 100
        (2000, 56_000, 150, 2800, False),  # significant, but not by enough to matter
        (25, 2800, 4, 140, False),
        (25, 2800, 15, 140, True),
        (100, 2800, 0, 140, False),  # a fall
        (100, 10, 40, 0, None),  # too few before
    ],
)
def test_a_share_rises_by_enough_and_not_by_chance(
    today: int, before: int, hits: int, hits_before: int, unhealthy: bool | None
) -> None:
    counted = [HeldBack("too_short", 0, hits, (DOCUMENT,)), HeldBack("too_short", 5, hits_before, (OTHER,))]
    row = share("quarantine", "too_short", counted, {0: today, 5: before}, POLICY, ALPHA)
    assert (row.unhealthy if row else None) == unhealthy
    if row:
        assert row.examples == ((DOCUMENT,) if unhealthy else ())


def test_a_day_with_few_versions_is_looked_at_with_its_week() -> None:
    counted = [HeldBack("too_short", day, 5, (DOCUMENT,)) for day in range(7)]
    versions = dict.fromkeys(range(7), 10) | dict.fromkeys(range(7, 28), 100)
    row = share("quarantine", "too_short", counted, versions, POLICY, ALPHA)
    assert row
    assert (row.value, row.usual, row.unhealthy) == (0.5, 0, True)
    assert share("quarantine", "too_short", counted, {0: 2, 9: 500}, POLICY, ALPHA) is None


def rows(
    observed: DataObservations, policy: HealthPolicy = POLICY, tenants: int = 1
) -> dict[tuple[str, str], HealthSignal]:
    return {(each.signal, each.subject): each for each in judge(observed, policy, NOW, tenants)}


def test_without_anything_only_the_index_is_judged() -> None:
    assert {key: row.unhealthy for key, row in rows(NOTHING).items()} == {
        ("embedder", "index 1"): False,
        ("index", NOT_IN_INDEX): False,
        ("index", IN_PROCESS): False,
    }


@pytest.mark.parametrize(
    ("change", "signal", "subject", "value", "examples"),
    [
        ({"index": IndexMatch(4, False, 0, ())}, "embedder", "index 4", 1, ()),
        ({"index": IndexMatch(1, True, 3, (DOCUMENT,))}, "index", NOT_IN_INDEX, 3, (DOCUMENT,)),
        (
            {"unfinished": UnfinishedVersions(NOW - timedelta(hours=2), (DOCUMENT,))},
            "index",
            IN_PROCESS,
            2,
            (DOCUMENT,),
        ),
        ({"uncited": UncitedDocuments(100, 95, 50, (DOCUMENT,))}, "never_cited", "all sources", 0.95, (DOCUMENT,)),
        ({"tables": [ChangedTable(DOCUMENT, "prices", ("a", "b"), None, ("a",))]}, "columns", "prices", 1, (DOCUMENT,)),
        (
            {"tables": [ChangedTable(DOCUMENT, "prices", ("x",), OTHER, ("a", "b"))]},
            "columns",
            "prices",
            3,
            (DOCUMENT, OTHER),
        ),
    ],
    ids=["embedder", "index", "in process", "never cited", "own version", "other file"],
)
def test_what_is_unhealthy_at_once(
    change: Mapping[str, object], signal: str, subject: str, value: float, examples: tuple[UUID, ...]
) -> None:
    row = rows(replace(NOTHING, **change))[signal, subject]  # type: ignore[arg-type]
    assert (row.value, row.unhealthy, row.examples) == (value, True, examples)


@pytest.mark.parametrize(
    "uncited", [UncitedDocuments(100, 80, 50, ()), UncitedDocuments(19, 19, 50, ()), UncitedDocuments(100, 100, 19, ())]
)
def test_documents_are_called_useless_only_with_enough_of_them_and_of_answers(uncited: UncitedDocuments) -> None:
    row = rows(replace(NOTHING, uncited=uncited)).get(("never_cited", "all sources"))
    assert row is None or not row.unhealthy


def test_a_source_without_documents_is_not_judged() -> None:
    silent = replace(NOTHING, arrivals=daily(0, [0, 0, 0, 0, *[100] * 24]), living=frozenset({"prices"}))
    assert rows(silent)["freshness", "prices"].unhealthy
    assert ("freshness", "prices") not in rows(replace(silent, living=frozenset({"others"})))


SILENT = arrivals(dict.fromkeys([80.0, 104.0, 128.0, 152.0], 1))
SHARE = [HeldBack("too_short", 0, 20, ()), HeldBack("too_short", 5, 140, ())]
BUSY = [*arrivals({3.0: 100}), *arrivals({24.0 * 5 + 3: 2800})]


@pytest.mark.parametrize(
    ("name", "value", "observed", "key"),
    [
        ("alpha", 1e-9, {"arrivals": daily(170, STEADY)}, ("volume", "prices")),
        ("days", 7, {"arrivals": daily(170, [*[90, 110] * 4, *[160, 150] * 10])}, ("volume", "prices")),
        ("min_days", 5, {"arrivals": SILENT}, ("freshness", "prices")),
        ("min_cases", 300, {"arrivals": daily(250, STEADY)}, ("volume", "prices")),
        ("max_gap_factor", 4, {"arrivals": SILENT}, ("freshness", "prices")),
        ("min_rise", 0.2, {"arrivals": BUSY, "quarantined": SHARE}, ("quarantine", "too_short")),
        (
            "max_process_hours",
            5,
            {"unfinished": UnfinishedVersions(NOW - timedelta(hours=3), ())},
            ("index", IN_PROCESS),
        ),
        ("max_never_cited", 0.5, {"uncited": UncitedDocuments(100, 80, 50, ())}, ("never_cited", "all sources")),
    ],
)
def test_each_field_of_the_policy_decides(
    name: str, value: float, observed: Mapping[str, object], key: tuple[str, str]
) -> None:
    seen = replace(NOTHING, living=frozenset({"prices"}), **observed)  # type: ignore[arg-type]
    found = [rows(seen, policy).get(key) for policy in (POLICY, POLICY.model_copy(update={name: value}))]
    before, after = (row is not None and row.unhealthy for row in found)
    assert before != after


def test_the_chance_of_a_false_alarm_is_divided_among_tenants() -> None:
    seen = replace(NOTHING, living=frozenset({"prices"}), arrivals=daily(160, STEADY))
    assert rows(seen)["volume", "prices"].unhealthy
    assert not rows(seen, tenants=10**6)["volume", "prices"].unhealthy
