"""What was approved runs once, as it was approved; anything else is refused, seen and audited."""

import asyncio
from dataclasses import replace
from typing import Any
from uuid import uuid4

import orjson
import psycopg
import pytest
from sqlalchemy.exc import DBAPIError

from app.actions.domain import ActionChanged, ActionNotFound, NewAction, payload_of
from app.actions.domain.ticket import TicketClosed
from app.actions.jobs import ATTEMPTS, job_specs
from app.actions.service import ACTION_ENDED_CHANNEL
from app.core.background import background
from app.core.change_waiter import ChangeWaiter
from app.core.clock import SystemClock
from app.core.database import listen
from app.core.errors import Unavailable
from app.identity.domain import PERMISSIONS
from app.releases.domain import digest_of
from tests.actions.conftest import POLICY, Opened, Shop, actions_of
from tests.actions.test_proposals import limited
from tests.clock import until
from tests.conftest import without_polling
from tests.samples import total


async def test_an_approved_action_runs_through_the_queue_and_tells_what_it_did(shop: Shop) -> None:
    entered, ended = (
        total("app_actions_entered_total", state="approved"),
        total("app_actions_ended_total", state="done"),
    )
    proposal = await shop.approved()
    assert total("app_actions_entered_total", state="approved") == entered + 1
    assert (await shop.shown(proposal)).state == "approved"
    assert await shop.effects() == (0, 0)
    await shop.work()
    assert total("app_actions_ended_total", state="done") == ended + 1
    done = await shop.shown(proposal)
    assert (done.state, done.result["noted"], done.approved_digest) == ("done", True, proposal.digest)
    assert await shop.effects() == (1, 1)
    [note] = (await shop.state.tickets.show(shop.caller, 1)).notes
    assert (note.author, note.text, note.action_id) == ("asker", "Flange tightened.", proposal.id)
    assert await shop.audited() == [("action.run", "no review rule applied")]


async def test_run_twice_it_is_done_once(shop: Shop) -> None:
    proposal = await shop.approved()
    await shop.run(proposal)
    await shop.run(proposal)
    await shop.work()
    assert await shop.effects() == (1, 1)
    assert len(await shop.audited()) == 1


async def test_two_workers_at_once_do_it_once(shop: Shop) -> None:
    proposals = [await shop.approved() for _ in range(5)]
    await asyncio.gather(*(shop.actions.execution.run(shop.tenant, each.id) for each in proposals * 2))
    assert await shop.effects() == (5, 5)
    assert await shop.audited() == [("action.run", "no review rule applied")] * 5


async def test_an_action_whose_answer_was_not_written_down_is_not_there(shop: Shop) -> None:
    proposal = await shop.proposal()
    with pytest.raises(RuntimeError):
        async with shop.state.database.transaction(shop.tenant) as connection:
            await shop.actions.proposals.store(connection, [NewAction(proposal, "approved", None, False)])
            raise RuntimeError
    with pytest.raises(ActionNotFound):
        await shop.shown(proposal)
    await shop.work()
    assert await shop.effects() == (0, 0)


async def refused(shop: Shop, proposal: Any, reason: str) -> None:
    found = await shop.run(proposal)
    assert (found.state, found.reason) == ("failed", reason)
    assert (await shop.effects())[0] == 0
    assert await shop.audited() == [("action.fail", reason)]


async def test_a_payload_that_changed_after_the_approval_does_not_run(shop: Shop) -> None:
    proposal = await shop.approved()
    other = payload_of(proposal, {**proposal.arguments, "text": "Pay the bearer."})
    shop.tamper("update actions set payload = %s, digest = %s where id = %s", other, digest_of(other), proposal.id)
    await refused(shop, proposal, "payload_changed")


@pytest.mark.parametrize(
    "change",
    [
        {"release_id": "1" * 64},
        {"requester": "somebody else"},
        {"action": "close_ticket"},
        {"answer_id": uuid4()},
        {"nonce": uuid4()},
    ],
    ids=lambda change: next(iter(change)),
)
async def test_what_was_approved_for_another_release_requester_or_nonce_does_not_run(
    shop: Shop, change: dict[str, Any]
) -> None:
    proposal = await shop.approved()
    [(name, value)] = change.items()
    shop.tamper(f"update actions set {name} = %s where id = %s", value, proposal.id)
    await refused(shop, proposal, "binding_broken")


async def test_what_somebody_asked_for_whose_key_was_revoked_does_not_run(shop: Shop) -> None:
    proposal = await shop.approved()
    await shop.state.identity.revoke_key(shop.tenant, shop.prefix)
    await refused(shop, proposal, "requester_gone")


async def test_what_its_requester_may_not_do_any_more_does_not_run(shop: Shop) -> None:
    proposal = await shop.approved()
    shop.tamper("update api_keys set roles = %s where id = %s", [], shop.caller.key_id)
    await refused(shop, proposal, "scope_lost")


async def test_a_nonce_is_good_for_one_run(shop: Shop) -> None:
    proposal = await shop.approved()
    await shop.run(proposal)
    shop.tamper("update actions set state = 'approved', ended_at = null where id = %s", proposal.id)
    found = await shop.run(proposal)
    assert (found.state, found.reason) == ("failed", "nonce_used")
    assert await shop.effects() == (1, 1)
    assert [verb for verb, _ in await shop.audited()] == ["action.run", "action.fail"]


async def test_that_something_ran_is_never_forgotten(shop: Shop) -> None:
    proposal = await shop.approved()
    await shop.run(proposal)
    for change in ("delete from action_runs", "update action_runs set at = now()", "truncate action_runs"):
        with pytest.raises(psycopg.errors.RestrictViolation), psycopg.connect(shop.urls.owner) as connection:
            connection.execute(change)


async def test_the_database_itself_wants_a_person_where_one_is_wanted(shop: Shop) -> None:
    proposal = await shop.waiting()
    with pytest.raises(psycopg.errors.CheckViolation, match="a_person_approved"):
        shop.tamper("update actions set state = 'approved', approved_digest = digest where id = %s", proposal.id)


async def test_an_action_that_cannot_be_done_has_failed_and_is_not_tried_again(shop: Shop) -> None:
    ticket = await shop.ticket()
    first, second = [await shop.proposal("close_ticket", ticket=ticket) for _ in range(2)]
    for each in (first, second):
        await shop.enter(NewAction(each, "waiting", shop.terms(), False))
        async with shop.state.database.transaction(shop.tenant) as connection:
            await shop.actions.proposals.approve(
                connection, each.id, each.payload, each.digest, "ana", shop.clock.now()
            )
    assert (await shop.run(first)).state == "done"
    before = total("app_actions_ended_total", action="close_ticket", state="failed")
    failed = await shop.run(second)
    assert total("app_actions_ended_total", action="close_ticket", state="failed") == before + 1
    assert (failed.state, failed.reason) == ("failed", f"ticket_closed: {ticket} is closed already.")
    assert await shop.effects() == (1, 2)


async def test_only_the_bytes_that_were_approved_are_let_through(shop: Shop) -> None:
    proposal = await shop.waiting()
    for payload, digest in (
        (proposal.payload, "0" * 64),
        (proposal.payload + b" ", digest_of(proposal.payload + b" ")),
    ):
        with pytest.raises(ActionChanged):
            async with shop.state.database.transaction(shop.tenant) as connection:
                await shop.actions.proposals.approve(connection, proposal.id, payload, digest, "ana", shop.clock.now())
    assert (await shop.shown(proposal)).state == "waiting"


async def test_an_action_that_says_it_reads_and_writes_is_stopped_by_the_database(shop: Shop) -> None:
    class Liar(Flaky):
        risk = "read"

    proposal = await shop.proposal()
    liar = Liar(shop.actions.catalogue.registry["add_ticket_note"], failures=0)
    shop.register(liar)
    with pytest.raises(DBAPIError, match="read-only transaction"):
        await shop.actions.execution.run_read(shop.caller, replace(proposal, risk="read"), set())
    assert await shop.effects() == (0, 0)


async def test_what_an_action_wrote_before_it_failed_is_undone(shop: Shop) -> None:
    class Regretful(Flaky):
        async def run(self, connection: Any, run: Any, arguments: Any) -> Any:
            await self.inner.run(connection, run, arguments)
            raise TicketClosed("Too late.")

    late = Regretful(shop.actions.catalogue.registry["add_ticket_note"], failures=0)
    shop.register(late)
    proposal = await shop.approved()
    for _ in range(2):
        assert (await shop.run(proposal)).reason == "ticket_closed: Too late."
    assert await shop.effects() == (0, 1)
    assert await shop.audited() == [("action.fail", "ticket_closed: Too late.")]


class Flaky:
    """An action whose other side is away for a while."""

    def __init__(self, inner: Any, failures: int) -> None:
        self.inner, self.failures, self.seen = inner, failures, []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    async def run(self, connection: Any, run: Any, arguments: Any) -> Any:
        self.seen.append(run.id)
        told = await self.inner.run(connection, run, arguments)
        if len(self.seen) <= self.failures:
            raise Unavailable(retry_after=1)
        return told


async def test_an_action_that_asks_to_be_tried_again_is_with_the_same_id_and_done_once(shop: Shop) -> None:
    flaky = Flaky(shop.actions.catalogue.registry["add_ticket_note"], failures=2)
    shop.register(flaky)
    proposal = await shop.approved()
    for _ in range(2):
        with pytest.raises(Unavailable):
            await shop.run(proposal)
    assert (await shop.run(proposal)).state == "done"
    assert flaky.seen == [proposal.id] * 3
    assert await shop.effects() == (1, 1)


async def test_an_action_that_could_not_be_run_in_any_try_has_failed(shop: Shop) -> None:
    proposal = await shop.approved()
    [spec] = job_specs(shop.actions.execution)
    assert spec.dead
    assert spec.attempts == ATTEMPTS
    await spec.dead(tenant_id=str(shop.tenant), action_id=str(proposal.id), reason="The worker died in every attempt.")
    found = await shop.run(proposal)
    assert (found.state, found.reason) == ("failed", "The worker died in every attempt.")
    assert await shop.effects() == (0, 0)
    await spec.dead(tenant_id=str(shop.tenant), action_id=str(proposal.id), reason="again")
    assert len(await shop.audited()) == 1


async def test_of_twenty_entered_at_once_only_as_many_run_as_the_limit_lets(shop: Shop) -> None:
    ticket = await shop.ticket()
    policy = limited(add_ticket_note=5)
    proposals: list[Any] = [
        await shop.propose("add_ticket_note", policy, ticket=ticket, text=f"{number}") for number in range(20)
    ]
    await asyncio.gather(*(shop.enter(NewAction(each, "approved", None, False)) for each in proposals))
    await shop.work()
    states = sorted((found.state, found.reason) for found in [await shop.shown(each) for each in proposals])
    assert states == [("done", "")] * 5 + [("failed", "limit_reached")] * 15
    assert await shop.effects() == (5, 5)


async def test_whoever_waits_for_an_action_hears_of_its_end(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    without_polling(monkeypatch)
    waiting, listening = ChangeWaiter(SystemClock()), asyncio.Event()
    shop.actions = actions_of(shop.state, shop.clock, shop.actions.catalogue.registry, waiting)
    ends = [shop.actions.execution.give_up, shop.actions.execution.run]

    async def hear(subject: str) -> None:
        listening.set()
        await waiting.follow(subject)

    async with background(lambda: listen(shop.state.database, ACTION_ENDED_CHANNEL, hear)):
        await listening.wait()
        for end, more in zip(ends, [["It could not be."], []], strict=True):
            proposal = await shop.approved()
            shown = asyncio.ensure_future(shop.actions.proposals.show(shop.caller, proposal.id, wait=20))
            await until(lambda: waiting._events)
            assert not shown.done()
            await end(shop.tenant, proposal.id, *more)
            assert (await shown).state in ("done", "failed")
    assert waiting._events == {}


async def test_an_action_is_seen_by_its_requester_and_by_reviewers(shop: Shop, open_shop: Opened) -> None:
    proposal = await shop.approved()
    colleague = replace(shop.caller, key_id=uuid4(), roles=frozenset({"user"}))
    reviewer = replace(colleague, roles=frozenset({"reviewer"}))
    with pytest.raises(ActionNotFound):
        await shop.actions.proposals.show(colleague, proposal.id)
    assert await shop.actions.proposals.list(colleague) == []
    assert (await shop.actions.proposals.show(reviewer, proposal.id)).id == proposal.id
    assert [each.id for each in await shop.actions.proposals.list(reviewer, state="approved")] == [proposal.id]
    other = await open_shop()
    with pytest.raises(ActionNotFound):
        await other.actions.proposals.show(replace(other.caller, roles=frozenset({"admin"})), proposal.id)
    assert await other.actions.proposals.list(other.caller) == []


async def test_a_read_is_entered_as_done_with_what_it_found(shop: Shop) -> None:
    proposal = await shop.proposal("look_up_ticket")
    result = await shop.actions.execution.run_read(shop.caller, proposal, set())
    await shop.enter(NewAction(proposal, "done", None, True, result))
    found = await shop.shown(proposal)
    assert (found.state, found.result["title"], found.tainted) == ("done", "The pump leaks", True)
    assert orjson.loads(found.payload)["action"] == "look_up_ticket"
    assert POLICY.offered["look_up_ticket"].per_hour == 1000


async def test_who_may_propose_and_lost_the_permission_of_the_action_itself_runs_nothing(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    proposal = await shop.approved()
    without = {role: granted - {"tickets:write"} for role, granted in PERMISSIONS.items()}
    monkeypatch.setattr("app.identity.domain.PERMISSIONS", without)
    await refused(shop, proposal, "scope_lost")
