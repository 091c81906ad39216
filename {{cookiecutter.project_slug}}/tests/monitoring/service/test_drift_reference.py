"""What a new reference, a restart of the worker and a second tenant change about drift that was found."""

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest
from prometheus_client import REGISTRY

from app.core.clock import ManualClock
from app.core.embedded import Urls
from app.identity.domain import Principal
from app.monitoring.domain.drift.drift_policy import DriftPolicy
from app.monitoring.domain.drift.signals import SIGNALS, EvaluatedRelease
from app.monitoring.service import DriftAnalysis
from app.monitoring.service.affected_tenants import AffectedTenants
from app.monitoring.service.drift_analysis import DRIFTED
from app.releases.domain import EvaluationEvidence, Release
from app.wiring import State
from tests.governance.conftest import person as approver
from tests.monitoring.stored import PastAnswer, store

POLICY = DriftPolicy(min_reference=100, window=100, step=20)


@pytest.fixture
def drift(state: State, tenant: UUID, clock: ManualClock) -> DriftAnalysis:
    async def tenants() -> list[UUID]:
        return [tenant]

    return replace(
        state.monitoring.drift, clock=clock, policy=POLICY, tenants=tenants, affected=AffectedTenants(DRIFTED, SIGNALS)
    )


def answers(tenant: UUID, count: int, newest: datetime, total_ms: float = 100.0, **values: object) -> list[PastAnswer]:
    """One a minute, of latencies that vary a little."""
    at = [newest - timedelta(minutes=number) for number in range(count)]
    return [
        PastAnswer(tenant, each, total_ms=total_ms + number % 9, question=f"Where is room {number % 20}?", **values)  # type: ignore[arg-type]
        for number, each in enumerate(at)
    ]


def slow_now(tenant: UUID, clock: ManualClock) -> list[PastAnswer]:
    """A usual week, and since yesterday what is as slow as it never was."""
    usual = answers(tenant, 120, clock.now() - timedelta(days=20))
    return usual + answers(tenant, 120, clock.now() - timedelta(minutes=1), total_ms=9000)


def person(tenant: UUID) -> Principal:
    return Principal(tenant, uuid4(), "ops", frozenset({"operator"}), frozenset())


def drifted_tenants(signal: str = "latency") -> float | None:
    return REGISTRY.get_sample_value("app_drifted_tenants", {"signal": signal})


async def test_a_new_usual_ends_the_drift_from_the_old_one(
    drift: DriftAnalysis, tenant: UUID, clock: ManualClock, database_urls: Urls
) -> None:
    store(database_urls, slow_now(tenant, clock))
    found = {each.check.signal: each for each in await drift.run(tenant)}
    assert (found["latency"].drifted, found["costs"].drifted, drifted_tenants()) == (True, False, 1)
    assert found["latency"].examples

    # A worker that starts anew knows what was found before, also where nothing is due.
    for signal in SIGNALS:
        DRIFTED.labels(signal).set(0)
    restarted = replace(drift, affected=AffectedTenants(DRIFTED, SIGNALS))
    assert await restarted.run(tenant) == []
    assert (drifted_tenants(), drifted_tenants("costs")) == (1, 0)

    clock.advance(60)
    await drift.pin(person(tenant), "the slower model stays")
    report = await drift.report(person(tenant))
    assert report.references is not None
    assert (report.references.questions.pinned_at, report.checks, dict(report.examples)) == (clock.now(), (), {})
    assert await restarted.run(tenant) == []
    assert drifted_tenants() == 0

    clock.advance(3600)
    store(database_urls, answers(tenant, 30, clock.now() - timedelta(minutes=1), total_ms=9000))
    again = {each.check.signal: each.drifted for each in await restarted.run(tenant)}
    assert (again["latency"], "questions" in again) == (False, True)  # of a new reference both are looked at


async def test_drift_of_one_tenant_is_counted_beside_that_of_another(
    drift: DriftAnalysis, tenant: UUID, clock: ManualClock, database_urls: Urls, state: State
) -> None:
    other = await state.identity.ensure_tenant(f"other-{uuid4().hex}")
    store(database_urls, [*slow_now(tenant, clock), *slow_now(other, clock)])
    await drift.run(tenant)
    assert drifted_tenants() == 1
    await drift.run(other)
    assert drifted_tenants() == 2
    assert (await drift.report(person(other))).references is not None
    stranger = await state.identity.ensure_tenant(f"third-{uuid4().hex}")
    assert (await drift.report(person(stranger))).checks == ()
    assert await drift.run(stranger) == []
    assert drifted_tenants() == 2


async def test_a_degraded_week_is_passed_over_and_the_next_one_is_pinned(
    drift: DriftAnalysis, tenant: UUID, clock: ManualClock, database_urls: Urls
) -> None:
    first = clock.now() - timedelta(days=20)
    bad = answers(tenant, 120, first, degraded=True)
    good = answers(tenant, 120, first + timedelta(days=8))
    store(database_urls, bad + good)
    assert await drift.run(tenant) == []
    references = (await drift.report(person(tenant))).references
    assert references is not None
    pinned = references.questions
    assert pinned.since == min(each.at for each in bad) + timedelta(days=7)
    assert pinned.until == pinned.since + timedelta(days=7)


async def test_a_week_that_is_not_over_is_no_reference(
    drift: DriftAnalysis, tenant: UUID, clock: ManualClock, database_urls: Urls
) -> None:
    store(database_urls, answers(tenant, 120, clock.now() - timedelta(days=6)))
    assert await drift.run(tenant) == []
    assert (await drift.report(person(tenant))).references is None


def promoted(drift: DriftAnalysis, since: datetime) -> DriftAnalysis:
    """With a live release that passed its evaluation."""

    async def live() -> EvaluatedRelease:
        return EvaluatedRelease("r" * 64, since)

    return replace(drift, live=live)


async def test_signals_of_answers_restart_with_the_first_week_of_an_evaluated_release(
    drift: DriftAnalysis, tenant: UUID, clock: ManualClock, database_urls: Urls
) -> None:
    started = clock.now() - timedelta(days=30)
    store(database_urls, answers(tenant, 120, started))
    store(database_urls, answers(tenant, 120, clock.now() - timedelta(minutes=1), total_ms=9000))
    first = await drift.run(tenant)
    assert [each.check.signal for each in first if each.drifted] == ["latency"]

    # Until its first week is over, the slower release is compared with the time before it.
    clock.advance(3600)
    since = clock.now() - timedelta(days=1)
    released = promoted(drift, since)
    store(database_urls, answers(tenant, 30, clock.now() - timedelta(minutes=1), total_ms=9000))
    assert [each.check.signal for each in await released.run(tenant) if each.drifted] == ["latency"]
    assert drifted_tenants() == 1

    clock.advance(timedelta(days=8).total_seconds())
    other = "Why does the VPN client reject my password on floor {}?"
    late = answers(tenant, 110, clock.now() - timedelta(minutes=1), total_ms=9000)
    store(database_urls, [replace(each, question=other.format(n)) for n, each in enumerate(late)])
    again = {each.check.signal: each for each in await released.run(tenant)}
    assert not again["latency"].drifted
    assert again["uncovered"].drifted  # what people ask is still compared with the first week
    assert drifted_tenants() == 0
    references = (await released.report(person(tenant))).references
    assert references is not None
    assert (references.answers.release_id, references.questions.release_id) == ("r" * 64, None)
    assert references.questions.until < references.answers.since == since
    assert again["latency"].check.reference == 150
    assert again["uncovered"].check.reference == 120

    # What a person pins counts for all signals, and the release does not replace it.
    clock.advance(60)
    await released.pin(person(tenant), "this is usual now")
    await released.run(tenant)
    pinned = (await released.report(person(tenant))).references
    assert pinned is not None
    assert pinned.answers == pinned.questions
    assert pinned.answers.pinned_at == clock.now()


async def test_only_a_release_that_passed_its_evaluation_restarts_a_reference(
    state: State, tenant: UUID, clock: ManualClock
) -> None:
    first = await state.environments.resolve()
    assert (await state.releases.history(first.id)).state == "live"
    assert await state.monitoring.drift.live() is None
    release, other = [await evaluated_and_live(state, dense_weight) for dense_weight in (0.4, 0.3)]
    await state.rollouts.rollback("ana", "the one before was better")
    assert (await state.environments.resolve()).id == release.id != other.id

    # A worker that has only begun reads which release is live.
    live_releases = state.environments.live_releases
    live_releases.by_name, live_releases.known = {}, False
    live = await state.monitoring.drift.live()
    assert live is not None
    assert live.id == release.id
    went_live = [event.at for event in (await state.releases.history(release.id)).events if event.after == "live"]
    assert live.since == max(went_live) > min(went_live)
    assert abs(live.since - state.clock.now()) < timedelta(minutes=5)


async def evaluated_and_live(state: State, dense_weight: float) -> Release:
    release = await state.releases.create("ana", changes={"retrieval.dense_weight": dense_weight})
    async with state.database.transaction(None) as connection:
        await state.releases.mark_evaluated(connection, release.id, "tests", EvaluationEvidence(release.id, "PASS"))
    await state.approvals.approve(approver("bob"), release.id, "read the report")
    await state.rollouts.activate("ana", release.id, "ship it")
    await state.environments.refresh()
    return release
