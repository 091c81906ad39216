"""From stored answers to a pinned week, drift with examples, the metric and the report."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import httpx
import pytest
from prometheus_client import REGISTRY

from app.core.clock import ManualClock
from app.identity.domain import Principal
from app.monitoring.domain.alert_catalogue import CAUSES
from app.monitoring.domain.drift.drift_policy import DriftPolicy
from app.monitoring.service import DriftAnalysis
from app.monitoring.service.drift_analysis import NotEnoughTraffic
from app.wiring import State
from tests.conftest import ROOT
from tests.governance.test_audit_lines import actions
from tests.monitoring.traffic import Traffic
from tests.review.conftest import publish

POLICY = DriftPolicy(min_reference=100, window=100, step=20)
ROOMS = ("red", "blue", "green", "large", "small", "quiet", "bright", "round")


@pytest.fixture
def drift(state: State, tenant: UUID, clock: ManualClock) -> DriftAnalysis:
    async def tenants() -> list[UUID]:
        return [tenant]

    return replace(state.monitoring.drift, clock=clock, policy=POLICY, tenants=tenants)


def person(tenant: UUID, *groups: str) -> Principal:
    return Principal(tenant, uuid4(), "ops", frozenset({"operator"}), frozenset(groups))


async def ask(
    traffic: Traffic, count: int, ago: timedelta, text: str = "How do I book the {} room on floor {}?"
) -> None:
    for number in range(count):
        await traffic.answer(text.format(ROOMS[number % 8], number % 5), ago=ago - timedelta(minutes=number))


async def test_without_a_healthy_week_nothing_is_compared(traffic: Traffic, drift: DriftAnalysis, tenant: UUID) -> None:
    await ask(traffic, 30, timedelta(days=20))
    assert await drift.run(tenant) == []
    assert (await drift.report(person(tenant))).references is None
    with pytest.raises(NotEnoughTraffic):
        await drift.pin(person(tenant), "the new usual")


async def test_from_the_usual_week_to_drift_and_a_new_usual(
    traffic: Traffic, drift: DriftAnalysis, tenant: UUID, clock: ManualClock, client: httpx.AsyncClient, state: State
) -> None:
    await ask(traffic, 110, timedelta(days=20))
    await ask(traffic, 50, timedelta(days=2))
    usual = await drift.run(tenant)
    assert {each.check.signal for each in usual} >= {"questions", "uncovered", "topics", "refusals"}
    assert [each.check.signal for each in usual if each.drifted] == []
    assert await drift.run(tenant) == []  # nothing was asked since

    clock.advance(3600)
    closed = await publish(state, tenant, ("board",))
    for number in range(60):
        question = f"Why does the VPN client number {number} reject my password?"
        await traffic.refuse(question, documents=(closed,), ago=timedelta(seconds=60 - number))
    found = {each.check.signal: each for each in await drift.run(tenant)}
    assert "questions" not in found  # once a day
    assert found["refusals"].drifted
    assert found["refusals"].check.effect > 0.5
    assert REGISTRY.get_sample_value("app_drifted_tenants", {"signal": "refusals"}) == 1

    outside, inside = await drift.report(person(tenant)), await drift.report(person(tenant, "board"))
    assert all("VPN" not in each.question for each in outside.examples.values())
    assert any("VPN" in each.question for each in inside.examples.values())

    shown = (await client.get("/v1/monitoring/drift")).json()
    signals = {each["signal"]: each for each in shown["signals"]}
    assert signals["refusals"]["drifted"]
    assert signals["refusals"]["examples"] == []

    clock.advance(60)
    await drift.pin(person(tenant), "the new usual")
    assert (await drift.report(person(tenant))).references.answers.until == clock.now()  # type: ignore[union-attr]
    assert (await actions(state, tenant))[-1] == ("drift.pin", "ops")


async def test_a_week_of_refusals_is_not_pinned(traffic: Traffic, drift: DriftAnalysis, tenant: UUID) -> None:
    for number in range(120):
        await traffic.refuse(f"How do I book room {number}?", ago=timedelta(days=20, minutes=-number))
    assert await drift.run(tenant) == []
    assert (await drift.report(person(tenant))).references is None


def test_the_worker_looks_once_an_hour(state: State) -> None:
    (check,) = [each for each in state.monitoring.upkeep.checks if each.kind == "drift"]
    assert (check.every, check.run) == (timedelta(hours=1), state.monitoring.drift.run)


def test_the_alert_leads_to_its_runbook() -> None:
    (alert,) = [each for each in CAUSES if "app_drifted_tenants" in each.expression]
    assert (ROOT / "docs" / "runbooks" / f"{alert.annotations.runbook}.md").is_file()
