"""Judges what was counted about the data of a tenant: one row for each signal and subject that enough is known of."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from math import erfc, sqrt
from statistics import fmean, pvariance
from uuid import UUID

from app.monitoring.domain.data_health.column_change import ColumnChange
from app.monitoring.domain.data_health.health_policy import HealthPolicy
from app.monitoring.domain.data_health.health_signal import (
    ALL_SOURCES,
    EXAMPLES,
    IN_PROCESS,
    NOT_IN_INDEX,
    HealthSignal,
    HealthSignalName,
)
from app.monitoring.domain.data_health.observations import (
    ENDED_DAYS,
    RECENT_DAYS,
    ArrivalHour,
    DataObservations,
    HeldBack,
    IndexMatch,
    UncitedDocuments,
    UnfinishedVersions,
)
from app.monitoring.domain.drift.homogeneity import share_rise

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_ALARM_DAYS = 30


def judge(observed: DataObservations, policy: HealthPolicy, now: datetime, tenants: int = 1) -> list[HealthSignal]:
    """tenants: among whom the chance of a false alarm is divided, as it is among tests and the checks of 30 days."""
    sources: dict[str, list[ArrivalHour]] = defaultdict(list)
    for each in observed.arrivals:
        if each.source in observed.living:
            sources[each.source].append(each)
    reasons = {each.reason for each in observed.quarantined}
    alpha = policy.alpha / (_ALARM_DAYS * max(1, tenants) * (len(sources) + len(reasons) + 1))
    rows = [freshness(source, hours, policy, now) for source, hours in sources.items()]
    rows += [volume(source, hours, policy, alpha) for source, hours in sources.items()]
    rows += [
        share("quarantine", reason, _of(observed.quarantined, reason), observed.versions, policy, alpha)
        for reason in reasons
    ]
    rows.append(share("duplicates", ALL_SOURCES, observed.duplicates, observed.versions, policy, alpha))
    rows += [*_columns(observed), *_index(observed.index), _unfinished(observed.unfinished, policy, now)]
    rows.append(_never_cited(observed.uncited, policy))
    return [row for row in rows if row is not None]


def freshness(source: str, hours: Sequence[ArrivalHour], policy: HealthPolicy, now: datetime) -> HealthSignal | None:
    """The hours since the last arrival, beside the longest gap of the days before that arrival; gaps within an hour do
    not count."""
    last = max(each.last for each in hours)
    recent = sorted((each for each in hours if each.last >= last - policy.days * _DAY), key=lambda each: each.first)
    silent = now - last
    if len({each.day for each in recent}) < policy.min_days or silent > ENDED_DAYS * _DAY:
        return None
    longest = max([_HOUR, *(after.first - before.last for before, after in pairwise(recent))])
    unhealthy = silent > policy.max_gap_factor * longest
    return HealthSignal("freshness", source, round(silent / _HOUR, 2), round(longest / _HOUR, 2), unhealthy)


def volume(source: str, hours: Sequence[ArrivalHour], policy: HealthPolicy, alpha: float) -> HealthSignal | None:
    """The versions of the last day, beside the mean of the days before. Unhealthy outside of all of these days, if it
    is more than twice their greatest or as far from their mean as chance alone hardly takes it.
    """
    counts: dict[int, int] = defaultdict(int)
    for each in hours:
        counts[each.day] += each.versions
    length = min(policy.days, max(counts))
    before = [counts.get(day, 0) for day in range(1, length + 1)]
    if sum(count > 0 for count in before) < policy.min_days:
        return None
    value, mean = counts.get(0, 0), fmean(before)
    spread = sqrt(max(pvariance(before), mean) * (1 + 1 / length))
    unlikely = erfc(abs(value - mean) / spread / sqrt(2)) <= alpha
    outside = value > max(before) or value < min(before)
    enough = max(value, mean) >= policy.min_cases
    return HealthSignal(
        "volume", source, value, round(mean, 2), enough and outside and (value > 2 * max(before) or unlikely)
    )


def share(
    signal: HealthSignalName,
    subject: str,
    counted: Sequence[HeldBack],
    versions: Mapping[int, int],
    policy: HealthPolicy,
    alpha: float,
) -> HealthSignal | None:
    """The share of the last day's versions, or of the last week's where a day has too few, beside that of the days
    before. Unhealthy when it rose by Fisher's exact test, and by enough to matter.
    """
    length = 1 if versions.get(0, 0) >= policy.min_cases else RECENT_DAYS
    window, days_before = range(length), range(length, length + policy.days)
    total, total_before = (sum(versions.get(day, 0) for day in days) for days in (window, days_before))
    if min(total, total_before) < policy.min_cases:
        return None
    hits = min(total, sum(each.versions for each in counted if each.day in window))
    hits_before = min(total_before, sum(each.versions for each in counted if each.day in days_before))
    value, usual = hits / total, hits_before / total_before
    unhealthy = value - usual >= policy.min_rise and share_rise(hits_before, total_before, hits, total) <= alpha
    examples = _examples(counted, window) if unhealthy else ()
    return HealthSignal(signal, subject, round(value, 4), round(usual, 4), unhealthy, examples)


def _columns(observed: DataObservations) -> Iterator[HealthSignal]:
    for table in observed.tables:
        change = ColumnChange.between(table.columns_before, table.columns)
        examples = (table.document_id, table.other) if table.other else (table.document_id,)
        yield HealthSignal("columns", table.source, change.size, len(table.columns_before), change.size > 0, examples)


def _index(index: IndexMatch) -> Iterator[HealthSignal]:
    other = not index.same_embedder
    yield HealthSignal("embedder", f"index {index.number}", float(other), 0, other)
    yield HealthSignal("index", NOT_IN_INDEX, index.missing, 0, index.missing > 0, index.examples)


def _unfinished(unfinished: UnfinishedVersions, policy: HealthPolicy, now: datetime) -> HealthSignal:
    hours = (now - unfinished.oldest) / _HOUR if unfinished.oldest else 0.0
    late, limit = hours > policy.max_process_hours, policy.max_process_hours
    return HealthSignal("index", IN_PROCESS, round(hours, 2), limit, late, unfinished.examples if late else ())


def _never_cited(uncited: UncitedDocuments, policy: HealthPolicy) -> HealthSignal | None:
    if min(uncited.documents, uncited.answers) < policy.min_cases:
        return None
    value = uncited.never_cited / uncited.documents
    unhealthy = value > policy.max_never_cited
    return HealthSignal(
        "never_cited", ALL_SOURCES, round(value, 4), policy.max_never_cited, unhealthy, uncited.examples
    )


def _of(quarantined: Sequence[HeldBack], reason: str) -> list[HeldBack]:
    return [each for each in quarantined if each.reason == reason]


def _examples(counted: Sequence[HeldBack], days: range) -> tuple[UUID, ...]:
    newest = sorted((each for each in counted if each.day in days), key=lambda each: each.day)
    return tuple(dict.fromkeys(document for each in newest for document in each.examples))[:EXAMPLES]
