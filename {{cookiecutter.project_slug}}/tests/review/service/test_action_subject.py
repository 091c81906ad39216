"""Reviews of actions: the reviewed bytes run, once; without an approval in time nothing runs."""

import json
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from app.actions.domain import ActionChanged, ActionProposal, InvalidArguments, NewAction, StoredAction, payload_of
from app.core.errors import Problem
from app.identity.domain import Principal
from app.inference.domain.human_review import PayloadChanged
from app.main import create_app
from app.releases.domain import digest_of
from app.review.domain.items import DecisionResult, ReviewClosed, ReviewItem, SelfReview
from app.review.jobs import job_specs
from app.review.repository import ReviewFilters
from app.review.service import Reviews
from tests.actions.conftest import Shop, open_shop, shop
from tests.review.conftest import publish, submission

__all__ = ["open_shop", "shop"]


def person(shop: Shop, name: str, *groups: str) -> Principal:
    return Principal(shop.tenant, uuid4(), name, frozenset({"reviewer"}), frozenset(groups))


def reviews_of(shop: Shop) -> Reviews:
    return replace(shop.state.reviews, clock=shop.clock, actions=shop.actions)


async def queued(shop: Shop, groups: tuple[str, ...] = (), **terms: Any) -> tuple[ActionProposal, ReviewItem]:
    """groups: the access groups of the passages that the model had read."""
    documents = (await publish(shop.state, shop.tenant, groups),)
    proposal = await shop.waiting(documents=documents, **terms)
    reviews = reviews_of(shop)
    await reviews.lifecycle.add(shop.tenant, proposal.id, "action")
    await reviews.lifecycle.add(shop.tenant, proposal.id, "action")
    [item] = await reviews.queue.list(person(shop, "reader", *groups), ReviewFilters(kind="action"), None, 10)
    return proposal, item


async def decide(shop: Shop, who: str, item: ReviewItem, decision: Any, text: str | None = None) -> DecisionResult:
    reviews, me = reviews_of(shop), person(shop, who)
    claimed = await reviews.queue.claim(me, item.id)
    return await reviews.decisions.decide(me, item.id, submission(claimed, decision, text))


async def ended(shop: Shop, proposal: ActionProposal) -> StoredAction:
    await shop.work()
    return await shop.shown(proposal)


async def test_the_approved_bytes_run(shop: Shop) -> None:
    proposal, item = await queued(shop)
    assert item.payload == proposal.payload
    assert item.digest == digest_of(proposal.payload)
    assert (await ended(shop, proposal)).state == "waiting"
    assert (await decide(shop, "ana", item, "approve")).outcome == "approved"
    done = await ended(shop, proposal)
    assert (done.state, done.approved_by, done.approved_digest, done.edited) == ("done", "ana", item.digest, False)
    assert await shop.effects() == (1, 1)
    assert await shop.audited() == [("action.run", "approved by ana")]
    assert (await shop.state.tickets.show(shop.caller, 1)).status == "closed"


async def test_what_an_action_writes_is_as_closed_as_what_the_model_had_read(shop: Shop) -> None:
    _, item = await queued(shop, ("board",))
    reviews, reader = reviews_of(shop), person(shop, "ana", "board")
    claimed = await reviews.queue.claim(reader, item.id)
    await reviews.decisions.decide(reader, item.id, submission(claimed, "approve"))
    await shop.work()
    assert await shop.effects() == (1, 1)
    seen = [len((await shop.state.tickets.show(each, 1)).notes) for each in (reader, person(shop, "bob"))]
    assert seen == [1, 0]


async def test_a_secret_in_a_question_is_shown_to_no_reviewer(shop: Shop) -> None:
    _, item = await queued(shop, question="Close T-1. My password: Kx81-QzLp#hunter7")
    assert item.question.startswith("Close T-1. My password: ")
    assert "hunter7" not in item.question


async def test_a_rejected_action_never_runs_and_says_why(shop: Shop) -> None:
    proposal, item = await queued(shop)
    await decide(shop, "ana", item, "reject")
    found = await ended(shop, proposal)
    assert (found.state, found.reason) == ("rejected", "ana: as I see it")
    assert await shop.effects() == (0, 0)
    with pytest.raises(ReviewClosed):
        await decide(shop, "bob", item, "approve")


async def test_an_action_that_nobody_decides_on_in_time_never_runs(shop: Shop) -> None:
    proposal, item = await queued(shop)
    shop.clock.advance(3601)
    await reviews_of(shop).lifecycle.expire_due()
    found = await ended(shop, proposal)
    assert (found.state, found.reason) == ("expired", "service: its time was up")
    with pytest.raises(ReviewClosed):
        await decide(shop, "ana", item, "approve")
    assert await shop.effects() == (0, 0)


async def test_an_action_that_cannot_be_queued_never_runs(shop: Shop) -> None:
    proposal = await shop.waiting()
    spec = next(spec for spec in job_specs(reviews_of(shop).lifecycle) if spec.name == "review.add_action")
    assert spec.dead
    await spec.dead(tenant_id=str(shop.tenant), action_id=str(proposal.id), reason="It could not be.")
    found = await shop.shown(proposal)
    assert (found.state, found.reason) == ("rejected", "service: It could not be.")
    acts = await shop.rows(f"select action from audit_log where subject = '{proposal.id}'")
    assert acts == [("review.deny",)]


async def test_an_edited_action_runs_as_the_reviewer_wrote_it(shop: Shop) -> None:
    proposal, item = await queued(shop)
    wanted = {**proposal.arguments, "resolution": "Replaced the flange."}
    for wrong, words in (
        ("close it", "Invalid JSON"),
        ('{"ticket": "T-1"}', "resolution: Field required"),
        (json.dumps(proposal.arguments), "unchanged"),
    ):
        with pytest.raises(InvalidArguments, match=words):
            await decide(shop, "ana", item, "edit", wrong)
    assert (await decide(shop, "ana", item, "edit", json.dumps(wanted))).outcome == "edited"
    done = await ended(shop, proposal)
    assert (done.state, done.edited, done.arguments) == ("done", True, wanted)
    assert done.approved_digest == digest_of(payload_of(proposal, wanted))
    [note] = (await shop.state.tickets.show(shop.caller, 1)).notes
    assert note.text == "Replaced the flange."


async def test_nobody_approves_an_action_proposed_in_their_own_answer(shop: Shop) -> None:
    proposal, item = await queued(shop)
    with pytest.raises(SelfReview):
        await decide(shop, shop.caller.name, item, "approve")
    assert (await ended(shop, proposal)).state == "waiting"
    other, allowed = await queued_again(shop, self_approval=True)
    await decide(shop, shop.caller.name, allowed, "approve")
    assert (await ended(shop, other)).state == "done"


async def queued_again(shop: Shop, **terms: Any) -> tuple[ActionProposal, ReviewItem]:
    proposal = await shop.waiting(**terms)
    reviews = reviews_of(shop)
    await reviews.lifecycle.add(shop.tenant, proposal.id, "action")
    items = await reviews.queue.list(person(shop, "reader"), ReviewFilters(kind="action"), None, 10)
    return proposal, next(item for item in items if item.subject_id == proposal.id)


async def test_where_two_must_approve_one_is_not_enough(shop: Shop) -> None:
    proposal, item = await queued(shop, decisions=2)
    assert (await decide(shop, "ana", item, "approve")).outcome is None
    assert (await ended(shop, proposal)).state == "waiting"
    with pytest.raises(Problem):
        await decide(shop, "ana", item, "approve")
    await decide(shop, "bob", item, "approve")
    assert (await ended(shop, proposal)).state == "done"


async def test_changed_bytes_are_not_approved(shop: Shop) -> None:
    proposal, item = await queued(shop)
    reviews, ana = reviews_of(shop), person(shop, "ana")
    other = payload_of(proposal, {**proposal.arguments, "resolution": "Paid the bearer."})
    shop.tamper("update review_items set payload = %s, digest = %s where id = %s", other, digest_of(other), item.id)
    claimed = await reviews.queue.claim(ana, item.id)
    with pytest.raises(PayloadChanged):
        await reviews.decisions.decide(ana, item.id, submission(replace(claimed, digest=item.digest), "approve"))
    assert (await ended(shop, proposal)).state == "waiting"


async def test_the_bytes_of_another_action_are_not_approved(shop: Shop) -> None:
    proposal, item = await queued(shop)
    other = await shop.proposal()
    shop.tamper("update review_items set payload = %s, digest = %s where id = %s", other.payload, other.digest, item.id)
    with pytest.raises(ActionChanged):
        await decide(shop, "ana", item, "approve")
    assert (await ended(shop, proposal)).state == "waiting"
    assert await shop.effects() == (0, 0)


async def test_an_action_without_approval_can_be_reviewed_afterwards(shop: Shop) -> None:
    proposal = await shop.proposal()
    await shop.enter(NewAction(proposal, "approved", shop.terms(timing="after"), False))
    await shop.work()
    [item] = await reviews_of(shop).queue.list(person(shop, "reader"), ReviewFilters(kind="action"), None, 10)
    await decide(shop, "ana", item, "reject")
    assert (await shop.shown(proposal)).state == "done"


async def test_a_reviewer_sees_that_the_model_had_read_untrusted_text(shop: Shop) -> None:
    _, item = await queued(shop, tainted=True)
    assert "text that anybody may have written" in item.note


async def test_an_action_is_shown_to_keys_that_may_read_its_passages(shop: Shop) -> None:
    _, item = await queued(shop, groups=("board",))
    with pytest.raises(Problem, match="no review item"):
        await reviews_of(shop).queue.claim(person(shop, "ana"), item.id)
    assert (await reviews_of(shop).queue.claim(person(shop, "ana", "board"), item.id)).fence == 1


async def test_over_http_an_item_shows_the_action_and_no_answer(shop: Shop) -> None:
    proposal, item = await queued(shop)
    key = await shop.state.identity.create_key(shop.tenant, "ana", ["reviewer"])
    transport = httpx.ASGITransport(app=create_app(shop.state), raise_app_exceptions=False)
    headers = {"Authorization": f"Bearer {key.text}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://service", headers=headers) as client:
        [listed] = (await client.get("/v1/reviews", params={"kind": "action"})).json()["items"]
        assert UUID(listed["action_id"]) == proposal.id
        assert UUID(listed["answer_id"]) == proposal.answer_id
        shown = (await client.get(f"/v1/reviews/{item.id}")).json()
    assert shown["answer"] is None
    assert shown["action"] == json.loads(proposal.payload)
    assert shown["sha256"] == proposal.digest
