"""A client that waits for an action is notified of its end."""

import asyncio

import pytest

from tests.clock import until
from tests.conftest import without_polling
from tests.inference.conftest import Service
from tests.inference.test_tool_calls import CLOSE, NOTE, ask, decide, desk, get, work
from tests.webhooks.receiver import Receiver
from tests.webhooks.test_webhooks import allow

__all__ = ["desk"]


async def test_a_client_that_waits_for_an_action_is_notified_at_once(
    desk: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_polling(monkeypatch)
    [actions] = (await ask(desk, NOTE))["actions"]
    shown = asyncio.ensure_future(get(desk, f"{actions['where']}?wait=20"))
    await until(lambda: desk.state.actions.proposals.waiting._events)
    assert not shown.done()
    await work(desk)
    assert (await shown)["state"] == "done"


@pytest.mark.parametrize(("decision", "state"), [("approve", "done"), ("reject", "rejected")])
async def test_a_subscriber_is_notified_of_the_end_of_a_waiting_action(
    desk: Service, decision: str, state: str
) -> None:
    async with Receiver() as receiver:
        allow(desk, f"http://127.0.0.1:{receiver.port}")
        noted, closed = [(await ask(desk, each, webhook=receiver.url))["actions"][0] for each in (NOTE, CLOSE)]
        await work(desk)
        assert not receiver.messages, f"nobody waited for {noted['action']}"
        await decide(desk, closed["id"], decision)
        await work(desk)
        [message] = receiver.messages
    assert message.payload["type"] == f"action.{state}"
    assert message.payload["data"] == {"id": closed["id"], "status": state, "where": closed["where"]}
