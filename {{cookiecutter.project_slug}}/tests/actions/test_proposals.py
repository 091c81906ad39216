"""What a model writes becomes a proposal only when it is listed, well formed and within its limits."""

import json
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from app.actions.domain import ActionNotOffered, ActionPolicy, ActionProposal, NewAction, ProposalRefused, payload_of
from app.identity.domain import PermissionMissing
from tests.actions.conftest import POLICY, RELEASE, Shop


def limited(**per_hour: int) -> ActionPolicy:
    return ActionPolicy.model_validate(
        {"owner": "tests", "offered": {name: {"per_hour": most} for name, most in per_hour.items()}}
    )


def test_an_offer_tells_a_model_what_the_action_takes(shop: Shop) -> None:
    [offer] = shop.actions.catalogue.select(POLICY, shop.caller, ["add_ticket_note", "add_ticket_note"])
    assert (offer.risk, offer.scope, offer.untrusted) == ("reversible", "tickets:write", False)
    assert set(offer.parameters["properties"]) == {"ticket", "text"}
    assert offer.parameters["additionalProperties"] is False


def test_an_action_that_the_policy_does_not_offer_is_unknown(shop: Shop) -> None:
    with pytest.raises(ActionNotOffered, match=r"no action 'close_ticket' here; there are: look_up_ticket"):
        shop.actions.catalogue.select(limited(look_up_ticket=1), shop.caller, ["look_up_ticket", "close_ticket"])


def test_nobody_is_offered_what_they_may_not_do_themselves(shop: Shop) -> None:
    user = replace(shop.caller, roles=frozenset({"user"}))
    assert len(shop.actions.catalogue.select(POLICY, user, ["look_up_ticket", "add_ticket_note"])) == 2
    with pytest.raises(PermissionMissing, match="tickets:close"):
        shop.actions.catalogue.select(POLICY, user, ["close_ticket"])


async def test_a_proposal_is_bound_to_all_that_was_said_about_it(shop: Shop) -> None:
    proposal = await shop.proposal(text="  Flange tightened.  ")
    bound = json.loads(proposal.payload)
    assert bound["arguments"]["text"] == "Flange tightened."
    assert bound["requester"] == {"key_id": str(shop.caller.key_id), "name": "asker"}
    assert (bound["release_id"], bound["nonce"], bound["action"]) == (RELEASE, str(proposal.nonce), "add_ticket_note")
    assert proposal.payload == payload_of(proposal, proposal.arguments)
    assert await shop.effects() == (0, 0)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("", "ticket: Field required"),
        ("close it", "Invalid JSON"),
        ("[]", "The arguments"),
        ('{"ticket": 12, "text": "x"}', "ticket: Input should be a valid string"),
        ('{"ticket": "12", "text": "x"}', "ticket: String should match"),
        ('{"ticket": "T-12", "text": ""}', "text: String should have at least 1 character"),
        ('{"ticket": "T-12", "text": "x", "force": true}', "force: Extra inputs are not permitted"),
        ('{"ticket": "T-12", "text": "a\\u0000b"}', "NUL"),
        ('{"ticket": "T-12", "text": "a\\ud800b"}', "The arguments"),
        ('{"ticket": "T-12", "text": "' + "x" * 20_001 + '"}', "longer than 20,000"),
    ],
)
async def test_arguments_that_do_not_fit_are_refused_in_words_a_model_can_use(
    shop: Shop, arguments: str, words: str
) -> None:
    offers = shop.actions.catalogue.select(POLICY, shop.caller, ["add_ticket_note"])
    found = await shop.actions.proposals.propose(
        POLICY, shop.caller, uuid4(), RELEASE, offers, "add_ticket_note", arguments, ()
    )
    assert isinstance(found, ProposalRefused)
    assert found.reason == "arguments_invalid"
    assert words in found.detail


async def test_a_model_cannot_propose_what_the_question_did_not_name(shop: Shop) -> None:
    offers = shop.actions.catalogue.select(POLICY, shop.caller, ["look_up_ticket"])
    arguments = '{"ticket": "T-1", "resolution": "x"}'
    found = await shop.actions.proposals.propose(
        POLICY, shop.caller, uuid4(), RELEASE, offers, "close_ticket", arguments, ()
    )
    assert found == ProposalRefused("not_offered", "That action is not offered; there are: look_up_ticket.")


async def test_an_answer_has_only_so_many_actions(shop: Shop) -> None:
    policy = POLICY.model_copy(update={"max_per_answer": 1})
    first = await shop.proposal()
    found = await shop.propose("look_up_ticket", policy, (first,), ticket="T-1")
    assert found == ProposalRefused("limit_reached", "One answer has at most 1 actions.")


async def test_a_key_has_an_action_only_so_often_an_hour(shop: Shop) -> None:
    policy, ticket = limited(add_ticket_note=2), await shop.ticket()
    said: dict[str, Any] = {"ticket": ticket, "text": "x"}
    first = await shop.propose("add_ticket_note", policy, **said)
    assert isinstance(first, ActionProposal)
    second = await shop.propose("add_ticket_note", policy, (first,), **said)
    assert isinstance(second, ActionProposal)
    third = await shop.propose("add_ticket_note", policy, (first, second), **said)
    await shop.enter(NewAction(first, "approved", None, False), NewAction(second, "approved", None, False))
    fourth = await shop.propose("add_ticket_note", policy, **said)
    assert [isinstance(each, ProposalRefused) and each.reason for each in (third, fourth)] == ["limit_reached"] * 2
    shop.clock.advance(3601)
    assert isinstance(await shop.propose("add_ticket_note", policy, **said), ActionProposal)


async def test_what_came_over_the_limit_does_not_count_against_it(shop: Shop) -> None:
    policy, ticket = limited(add_ticket_note=1), await shop.ticket()
    first = await shop.propose("add_ticket_note", policy, ticket=ticket, text="x")
    shop.clock.advance(1800)
    second = await shop.propose("add_ticket_note", policy, ticket=ticket, text="y")
    for each in (first, second):
        assert isinstance(each, ActionProposal)
        await shop.enter(NewAction(each, "approved", None, False))
        shop.clock.advance(1)
    assert (await shop.shown(second)).reason == "limit_reached"
    assert isinstance(await shop.propose("add_ticket_note", policy, ticket=ticket, text="z"), ProposalRefused)
    shop.clock.advance(1800)
    assert isinstance(await shop.propose("add_ticket_note", policy, ticket=ticket, text="z"), ActionProposal)


async def test_a_read_runs_at_once_and_can_only_read(shop: Shop) -> None:
    ticket = await shop.ticket()
    proposal = await shop.proposal("look_up_ticket", ticket=ticket)
    found = await shop.actions.execution.run_read(shop.caller, proposal, set())
    assert not isinstance(found, ProposalRefused)
    assert (found["ticket"], found["title"], found["status"]) == (ticket, "The pump leaks", "open")
    missing = await shop.actions.execution.run_read(
        shop.caller, await shop.proposal("look_up_ticket", ticket="T-999"), set()
    )
    assert missing == ProposalRefused("failed", "There is no ticket T-999.")
    with pytest.raises(ValueError, match="more than read"):
        await shop.actions.execution.run_read(shop.caller, await shop.proposal(ticket=ticket), set())


@pytest.mark.parametrize(
    ("name", "entered", "tainted"),
    [
        ("close_ticket", "approved", False),
        ("add_ticket_note", "approved", True),
        ("add_ticket_note", "done", False),
        ("look_up_ticket", "approved", False),
        ("close_ticket", "waiting", False),
    ],
)
async def test_what_must_wait_cannot_be_entered_otherwise(shop: Shop, name: str, entered: Any, tainted: bool) -> None:
    proposal = await shop.proposal(name)
    with pytest.raises(ValueError, match=r"read|waits"):
        NewAction(proposal, entered, None, tainted)
