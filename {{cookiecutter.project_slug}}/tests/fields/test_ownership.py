"""Each value of policies/ownership.yaml is shown where people read it, or decides on releases and alerts."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from app.core.clock import ManualClock
from app.core.errors import Problem
from app.governance.domain.approval_rules import Approval
from app.releases.domain import EvaluationEvidence, Release
from app.wiring import POLICIES
from tests.fields.values import Bench, Running, Value, ids
from tests.governance.conftest import person, unlike_any_other
from tests.monitoring.test_alerting import sent_by_alertmanager

Probe = Callable[[Running], Awaitable[Any]]


def described(*path: str) -> Probe:
    async def probe(service: Running) -> Any:
        found = (await service.get("/openapi.json"))["info"]
        for name in path:
            found = found[name]
        return found

    return probe


def on_the_card(*path: str) -> Probe:
    async def probe(service: Running) -> Any:
        found = (await service.get("/v1/governance"))["purpose"]
        for name in path:
            found = found[name]
        return found

    return probe


def owner_on_the_card(policy: str) -> Probe:
    async def probe(service: Running) -> Any:
        shown = (await service.get("/v1/governance"))["live"]["policies"]
        return next(each["owner"] for each in shown if each["name"] == policy)

    return probe


async def measured(service: Running) -> Release:
    """A release by ana that passed its evaluation, and differs from the live one in how it retrieves."""
    release = await service.state.releases.create("ana", changes=unlike_any_other())
    evidence = EvaluationEvidence(uuid4().hex * 2, "PASS")
    async with service.state.database.transaction(None) as connection:
        await service.state.releases.mark_evaluated(connection, release.id, "tests", evidence)
    return release


async def approved(service: Running, *names: str, release: Release | None = None) -> tuple[Approval, str | None]:
    release = release or await measured(service)
    for name in names:
        found = await service.state.approvals.approve(person(name), release.id, "read the report")
    return found


async def people_that_are_needed(service: Running) -> int:
    release = await measured(service)
    for number, name in enumerate(("bob", "eve", "dan", "joe"), 1):
        if (await approved(service, name, release=release))[1] is None:
            return number
    return 0


async def own_approval(service: Running) -> str:
    try:
        return str((await approved(service, "ana"))[1] or "approved")
    except Problem as problem:
        return problem.code


async def days_of_an_approval(service: Running) -> timedelta:
    approval, _ = await approved(service, "bob")
    return approval.expires_at - approval.at


async def a_report_of_ten_days(service: Running) -> str:
    release = await measured(service)
    later = ManualClock(service.state.clock.now() + timedelta(days=10))
    approvals = replace(service.state.approvals, clock=later)
    try:
        await approvals.approve(person("bob"), release.id, "read the report")
    except Problem as problem:
        return problem.code
    return "approved"


async def lacks_pia(service: Running) -> bool:
    return "pia" in str((await approved(service, "bob"))[1])


async def hours_of_a_review(service: Running) -> timedelta:
    emergency = (await service.state.approvals.emergencies())[-1]
    return emergency.due - emergency.approval.at


async def alert(service: Running) -> Any:
    reply = await service.post("/v1/monitoring/alerts", **sent_by_alertmanager(fingerprint=uuid4().hex))
    return reply.get("code") or reply["sent"]


async def personal_question(service: Running) -> str:
    reply = await service.ask("Who built the lighthouse of Karlen? I am jane@acme.example.")
    return str(reply.get("code") or reply["status"])


TEAM, NAME = "Grace of Karlen", "Harbour answers"
TIERS = {tier: {"ownership": {"risk_tier": tier}} for tier in ("low", "medium", "high")}
HOSTS = {"security": {"webhooks": {"hosts": ["calls.example.com"]}}}
REFUSES_CONFIDENTIAL = {
    "privacy": {"personal_data": {"questions": {"public": "keep", "internal": "keep", "confidential": "refuse"}}}
}


VALUES = [
    Value("ownership.owner", TEAM, described("contact", "name"), None, TEAM),
    Value("ownership.service", NAME, described("title"), None, NAME),
    Value("ownership.on_call", "night@karlen.example", described("contact", "email"), None, "night@karlen.example"),
    Value("ownership.purpose", "It knows the harbour.", on_the_card("purpose"), None, "It knows the harbour."),
    *(
        Value(f"ownership.owners.{part}", TEAM, on_the_card("owners", part), None, TEAM)
        for part in ("model", "prompts", "data", "policies")
    ),
    Value("ownership.on_call_webhook", "https://calls.example.com/x", alert, "no_on_call_webhook", 1, HOSTS),
    *(
        Value(f"{policy}.owner", TEAM, owner_on_the_card(policy), None, TEAM)
        for policy in POLICIES
        if policy != "ownership"
    ),
    Value("ownership.risk_tier", "low", own_approval, "self_approval", "approved", TIERS["medium"]),
    Value(
        "ownership.data_sensitivity",
        "confidential",
        personal_question,
        "answered",
        "question_refused",
        REFUSES_CONFIDENTIAL,
    ),
    Value("ownership.approval.people.low", 2, people_that_are_needed, 1, 2, TIERS["low"]),
    Value("ownership.approval.people.medium", 3, people_that_are_needed, 1, 3, TIERS["medium"]),
    Value("ownership.approval.people.high", 4, people_that_are_needed, 2, 4, TIERS["high"]),
    Value("ownership.approval.valid_days", 3, days_of_an_approval, timedelta(days=30), timedelta(days=3)),
    Value("ownership.approval.report_days", 9, a_report_of_ten_days, "approved", "no_evidence"),
    Value("ownership.approval.review_hours", 5, hours_of_a_review, timedelta(hours=24), timedelta(hours=5)),
    Value("ownership.approval.named", {"data": ["pia"]}, lacks_pia, False, True),
]


@pytest.mark.parametrize("value", VALUES, ids=ids(VALUES))
async def test_a_value_is_shown_or_decides(bench: Bench, value: Value) -> None:
    without, with_it = await bench.found(value)
    assert with_it == value.with_it
    assert without == value.without if value.without is not None else without != with_it
