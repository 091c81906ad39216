"""Each value of policies/ownership.yaml is shown where people read it, or decides on releases and alerts."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from app.core.clock import ManualClock
from app.core.errors import Problem
from app.governance.domain.approval_rules import Approval
from app.releases.domain import EvaluationEvidence, Release
from app.wiring import POLICIES
from tests.fields.conftest import merged
from tests.fields.values import Bench, Running, Value, ids, nested
from tests.governance.conftest import person, unlike_any_other
from tests.monitoring.test_alerting import sent_by_alertmanager

Probe = Callable[[Running], Awaitable[Any]]


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


TIERS = {tier: {"ownership": {"risk_tier": tier}} for tier in ("low", "medium", "high")}
HOSTS = {"security": {"webhooks": {"hosts": ["calls.example.com"]}}}
REFUSES_CONFIDENTIAL = {
    "privacy": {"personal_data": {"questions": {"public": "keep", "internal": "keep", "confidential": "refuse"}}}
}


VALUES = [
    Value("ownership.on_call_webhook", "https://calls.example.com/x", alert, "no_on_call_webhook", 1, HOSTS),
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
async def test_a_value_decides(bench: Bench, value: Value) -> None:
    assert await bench.found(value) == (value.without, value.with_it)


PARTS = ("model", "prompts", "data", "policies")
SHOWN: dict[str, tuple[str, ...]] = {
    "ownership.owner": ("info", "contact", "name"),
    "ownership.service": ("info", "title"),
    "ownership.on_call": ("info", "contact", "email"),
    "ownership.purpose": ("purpose", "purpose"),
    **{f"ownership.owners.{part}": ("purpose", "owners", part) for part in PARTS},
    **{f"{policy}.owner": ("owners", policy) for policy in POLICIES if policy != "ownership"},
}
"""Where people read it: in the description of the interface, or on the model card."""


async def pages(service: Running) -> dict[str, Any]:
    card, interface = await service.get("/v1/governance"), await service.get("/openapi.json")
    owners = {each["name"]: each["owner"] for each in card["live"]["policies"]}
    return {"info": interface["info"], "purpose": card["purpose"], "owners": owners}


def at(found: Any, path: tuple[str, ...]) -> str:
    for name in path:
        found = found[name]
    return str(found)


@pytest_asyncio.fixture(scope="module")
async def before_and_after(bench: Bench) -> tuple[dict[str, Any], dict[str, Any]]:
    """The pages of a service, and of one in which each of these values names itself."""
    changed: dict[str, Any] = {}
    for field in SHOWN:
        changed = merged(
            changed, nested(field, "night@karlen.example" if field == "ownership.on_call" else f"of {field}")
        )
    assert bench.plain
    before = await pages(bench.plain)
    async with bench.running(changed) as service:
        return before, await pages(service)


@pytest.mark.parametrize("field", SHOWN)
def test_a_value_is_shown_where_people_read_it(
    before_and_after: tuple[dict[str, Any], dict[str, Any]], field: str
) -> None:
    before, after = (at(page, SHOWN[field]) for page in before_and_after)
    assert after == ("night@karlen.example" if field == "ownership.on_call" else f"of {field}")
    assert before != after
