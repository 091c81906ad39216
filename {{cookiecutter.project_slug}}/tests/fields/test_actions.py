"""Each value of policies/actions.yaml decides what a model may do, how often, and which tools of others it gets."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio

from app.actions.service.external_actions import REFRESH_SECONDS
from app.core.background import background
from tests.actions.tool_server import Tracker, tracker_served
from tests.clock import leap, until
from tests.fields.values import Bench, Running, Value, ids
from tests.inference.test_tool_calls import LOOKED, NOTED, call, calls, script

Probe = Callable[[Running], Awaitable[Any]]
NAMES = ["add_ticket_note", "look_up_ticket"]
FIND = "tracker_find_issue"


async def with_a_ticket(service: Running) -> None:
    key = service.client.headers["authorization"].removeprefix("Bearer ")
    caller = await service.state.identity.authenticate(key)
    await service.state.tickets.add(caller, "Printer", "It prints grey.")


def proposing(*replies: Any) -> Probe:
    """The states of the actions that a model proposes in these replies, or why they are refused."""

    async def probe(there: Running) -> list[str]:
        await with_a_ticket(there)
        there.model.mind = script(*replies)
        reply = await there.ask("What about ticket T-1?", actions=NAMES, model="stand-in")
        return [str(each["state"]) for each in reply["actions"]]

    return lambda service: service.elsewhere(probe)


async def rounds(service: Running) -> int:
    """How often a model is asked that would always look again."""

    async def probe(there: Running) -> int:
        await with_a_ticket(there)
        there.model.mind = lambda body: calls(LOOKED) if body.get("tool_choice") != "none" else "It prints grey."
        await there.ask("What about ticket T-1?", actions=NAMES, model="stand-in")
        return len(there.model.calls)

    return int(await service.elsewhere(probe))


NOTE_AGAIN = call("add_ticket_note", 3, ticket="T-1", text="And again.")
TWO_NOTES = proposing(calls(NOTED, NOTE_AGAIN), "Both are written down.")
VALUES = [
    Value(
        "actions.offered.*.per_hour",
        {"offered": {"add_ticket_note": {"per_hour": 1}}},
        TWO_NOTES,
        ["approved", "approved"],
        ["approved"],
    ),
    Value(
        "actions.offered.*.arguments",
        {"offered": {"add_ticket_note": {"arguments": {"ticket": ["configuration"]}}}},
        proposing(calls(NOTED), "It is written down."),
        ["approved"],
        [],
    ),
    Value("actions.max_per_answer", 1, TWO_NOTES, ["approved", "approved"], ["approved"]),
    Value("actions.max_rounds", 1, rounds, 5, 2),
]


@pytest.mark.parametrize("value", VALUES, ids=ids(VALUES))
async def test_a_value_decides_about_actions(bench: Bench, value: Value) -> None:
    assert await bench.found(value) == (value.without, value.with_it)


@pytest_asyncio.fixture(scope="module")
async def tracker() -> AsyncIterator[Tracker]:
    async with tracker_served() as served:
        yield served


def accepted(tracker: Tracker, tool: dict[str, Any] | None = None, **server: Any) -> dict[str, Any]:
    """A policy that offers one tool of the tracker. A digest that fits no tool stands for a tool nobody accepted."""
    pinned = {**tracker.accepted("find-issue").model_dump(), "risk": "read", **(tool or {})}
    named = {"url": tracker.url, "timeout_seconds": 30, "tools": {"find-issue": pinned}, **server}
    return {"actions": {"offered": {FIND: {"per_hour": 100}}, "servers": {"tracker": named}}}


async def use(bench: Bench, tracker: Tracker, policy: dict[str, Any], *roles: str) -> str:
    """What becomes of a call of the tool by a key with these roles."""
    secrets = json.dumps({"token": "Bearer of-the-tracker"})
    async with bench.running(policy, APP_MCP_SECRETS=secrets) as service:
        await service.state.external_actions.refresh()
        service.model.mind = script(calls(call(FIND, 1, id=7)), "It is open: the pump leaks.")
        if roles:
            key = await service.state.identity.create_key(service.tenant, json.dumps(roles), list(roles))
            service.client.headers["authorization"] = f"Bearer {key.text}"
        reply = await service.ask("What is the issue about the pump?", actions=[FIND], model="stand-in")
        if reply.get("code"):
            return str(reply["code"])
        return ", ".join(f"{each['state']} {each['risk']}" for each in reply["actions"])


async def test_a_tool_is_called_at_its_url_with_its_headers(bench: Bench, tracker: Tracker) -> None:
    assert await use(bench, tracker, accepted(tracker)) == "done read"
    assert "authorization" not in tracker.seen[-1]
    assert await use(bench, tracker, accepted(tracker, headers={"authorization": "token"})) == "done read"
    assert tracker.seen[-1]["authorization"] == "Bearer of-the-tracker"
    elsewhere = accepted(tracker, url="http://127.0.0.1:1/mcp")
    assert await use(bench, tracker, elsewhere) == "action_not_offered"


async def test_a_tool_is_offered_by_its_digest_and_has_its_risk_and_permission(bench: Bench, tracker: Tracker) -> None:
    assert await use(bench, tracker, accepted(tracker, {"digest": "0" * 64})) == "action_not_offered"
    assert await use(bench, tracker, accepted(tracker, {"risk": "irreversible"})) == "waiting irreversible"
    assert await use(bench, tracker, accepted(tracker, {"permission": "actions:propose"}), "user") == "done read"
    assert (
        await use(bench, tracker, accepted(tracker, {"permission": "documents:write"}), "user") == "permission_missing"
    )


async def test_a_call_of_a_tool_takes_timeout_seconds_at_most(bench: Bench, tracker: Tracker) -> None:
    tracker.seconds = 0.3
    try:
        assert await use(bench, tracker, accepted(tracker, timeout_seconds=0.2)) == ""
        assert await use(bench, tracker, accepted(tracker)) == "done read"
    finally:
        tracker.seconds = 0


async def test_a_running_process_asks_a_tool_server_again_and_again_what_its_tools_are(
    bench: Bench, tracker: Tracker
) -> None:
    found = tracker.tools[0]
    async with bench.running(accepted(tracker)) as service, background(*service.state.background()):
        catalogue = service.state.actions.catalogue

        def offered() -> bool:
            return FIND in [offer.name for offer in catalogue.offered()]

        await until(offered)
        try:
            tracker.tools[0] = {**found, "description": "Finds all issues of everybody."}
            await leap(REFRESH_SECONDS)
            await until(lambda: not offered())
        finally:
            tracker.tools[0] = found
