"""Effects of decisions, and who may decide."""

import hashlib
from dataclasses import replace

import pytest

from app.idempotency.domain import IdempotencyKeyReused
from app.identity.domain import Principal
from app.inference.domain.human_review import EditRefused, PayloadChanged
from app.review.domain.items import (
    AlreadyReviewed,
    LeaseLost,
    ReviewAlreadyClaimed,
    ReviewChanged,
    ReviewClosed,
    ReviewEscalated,
    ReviewNotFound,
    SelfReview,
)
from app.review.repository import ReviewFilters
from tests.governance.test_audit_lines import actions
from tests.review.conftest import TEXT, Desk, submission
from tests.samples import total


async def test_an_approved_answer_is_delivered_as_it_was_reviewed(desk: Desk) -> None:
    item = await desk.queue()
    assert (await desk.asked(item.subject_id))["status"] == "held"
    result = await desk.decide(desk.person("ana"), item, "approve")
    assert (result.state, result.outcome) == ("decided", "approved")
    shown = await desk.asked(item.subject_id)
    assert (shown["status"], shown["text"]) == ("answered", TEXT)
    assert shown["review"]["edited"] is False
    assert shown["review"]["sha256"] == hashlib.sha256(item.payload).hexdigest()


async def test_a_rejected_answer_is_never_delivered(desk: Desk) -> None:
    item = await desk.queue()
    await desk.decide(desk.person("ana"), item, "reject")
    shown = await desk.asked(item.subject_id)
    assert shown["status"] == "rejected"
    assert "text" not in shown
    assert "citations" not in shown


async def test_an_edited_answer_is_marked_and_keeps_only_what_it_still_cites(desk: Desk) -> None:
    item = await desk.queue()
    await desk.decide(desk.person("ana"), item, "edit", "Seven, every morning.")
    shown = await desk.asked(item.subject_id)
    assert (shown["text"], shown["citations"], shown["review"]["edited"]) == ("Seven, every morning.", [], True)
    assert shown["groundedness"] is None


@pytest.mark.parametrize("text", ["  ", TEXT, "At eight [2]."])
async def test_an_edit_without_a_change_or_a_citation_is_refused(desk: Desk, text: str) -> None:
    item = await desk.queue()
    with pytest.raises(EditRefused):
        await desk.decide(desk.person("ana"), item, "edit", text)
    assert (await desk.asked(item.subject_id))["status"] == "held"


async def test_only_the_newest_claim_decides(desk: Desk) -> None:
    item = await desk.queue()
    ana, bob = desk.person("ana"), desk.person("bob")
    late = await desk.reviews.queue.claim(ana, item.id)
    with pytest.raises(ReviewAlreadyClaimed):
        await desk.reviews.queue.claim(bob, item.id)
    desk.clock.advance(desk.reviews.policy.lease_seconds)
    with pytest.raises(LeaseLost):
        await desk.reviews.decisions.decide(ana, item.id, submission(late, "approve"))
    claimed = await desk.reviews.queue.claim(bob, item.id)
    assert claimed.fence == late.fence + 1
    with pytest.raises(LeaseLost):
        await desk.reviews.decisions.decide(ana, item.id, submission(late, "approve"))
    await desk.reviews.decisions.decide(bob, item.id, submission(claimed, "approve"))
    with pytest.raises(ReviewClosed):
        await desk.reviews.decisions.decide(bob, item.id, submission(claimed, "reject"))


async def test_an_old_token_is_refused_even_for_the_current_claimant(desk: Desk) -> None:
    item, ana = await desk.queue(), desk.person("ana")
    first = await desk.reviews.queue.claim(ana, item.id)
    second = await desk.reviews.queue.claim(ana, item.id)
    assert second.fence > first.fence
    with pytest.raises(LeaseLost):
        await desk.reviews.decisions.decide(ana, item.id, submission(first, "approve"))


async def test_a_heartbeat_renews_the_claim_and_a_release_ends_it(desk: Desk) -> None:
    item, ana, bob = await desk.queue(), desk.person("ana"), desk.person("bob")
    claimed = await desk.reviews.queue.claim(ana, item.id)
    desk.clock.advance(desk.reviews.policy.lease_seconds - 1)
    await desk.reviews.queue.heartbeat(ana, item.id, claimed.fence)
    desk.clock.advance(desk.reviews.policy.lease_seconds - 1)
    with pytest.raises(ReviewAlreadyClaimed):
        await desk.reviews.queue.claim(bob, item.id)
    await desk.reviews.queue.release(ana, item.id, claimed.fence)
    with pytest.raises(LeaseLost):
        await desk.reviews.queue.heartbeat(ana, item.id, claimed.fence)
    await desk.reviews.queue.claim(bob, item.id)


async def test_a_decision_applies_to_the_reviewed_version(desk: Desk) -> None:
    item, ana = await desk.queue(), desk.person("ana")
    claimed = await desk.reviews.queue.claim(ana, item.id)
    with pytest.raises(ReviewChanged):
        await desk.reviews.decisions.decide(ana, item.id, replace(submission(claimed, "approve"), version=2))
    with pytest.raises(PayloadChanged):
        await desk.reviews.decisions.decide(ana, item.id, replace(submission(claimed, "approve"), sha256="0" * 64))


async def test_a_payload_that_was_replaced_after_the_claim_is_not_delivered(desk: Desk) -> None:
    item, ana = await desk.queue(), desk.person("ana")
    claimed = await desk.reviews.queue.claim(ana, item.id)
    await desk.rows(
        "update review_items set payload = payload || ' '::bytea, "
        "digest = encode(sha256(payload || ' '::bytea), 'hex') returning 1"
    )
    with pytest.raises(PayloadChanged):
        await desk.reviews.decisions.decide(ana, item.id, submission(claimed, "approve"))
    assert (await desk.asked(item.subject_id))["status"] == "held"


async def test_only_the_approved_text_is_delivered(desk: Desk) -> None:
    item = await desk.queue()
    async with desk.state.database.transaction(desk.tenant) as connection:
        with pytest.raises(PayloadChanged):
            await desk.reviews.held_answers.deliver(
                connection, item.subject_id, item.payload + b" ", item.digest, False, desk.clock.now()
            )


async def test_nobody_decides_on_their_own_question(desk: Desk) -> None:
    item = await desk.queue(asker="ana")
    with pytest.raises(SelfReview):
        await desk.reviews.queue.claim(desk.person("ana"), item.id)
    await desk.decide(desk.person("bob"), item, "approve")


async def test_at_high_risk_the_asker_may_never_decide(desk: Desk) -> None:
    allowed = await desk.queue(asker="ana", self_approval="allow")
    await desk.decide(desk.person("ana"), allowed, "approve")
    high = await desk.queue(asker="ana", tier="high", self_approval="allow")
    with pytest.raises(SelfReview):
        await desk.reviews.queue.claim(desk.person("ana"), high.id)


async def test_two_people_must_approve_the_same_text(desk: Desk) -> None:
    item = await desk.queue(decisions=2)
    ana, bob, eve = (desk.person(name) for name in ("ana", "bob", "eve"))
    assert (await desk.decide(ana, item, "approve")).state == "open"
    with pytest.raises(AlreadyReviewed):
        await desk.reviews.queue.claim(ana, item.id)
    changed = await desk.decide(bob, item, "edit", "At seven sharp [1].")
    assert (changed.state, changed.version) == ("open", 2)
    assert (await desk.asked(item.subject_id))["status"] == "held"
    assert (await desk.decide(eve, item, "approve")).outcome == "edited"
    assert (await desk.asked(item.subject_id))["text"] == "At seven sharp [1]."


async def test_requesting_changes_withdraws_earlier_approvals(desk: Desk) -> None:
    item = await desk.queue(decisions=2)
    await desk.decide(desk.person("ana"), item, "approve")
    await desk.decide(desk.person("bob"), item, "request_changes")
    assert (await desk.decide(desk.person("eve"), item, "approve")).state == "open"
    assert (await desk.decide(desk.person("ana"), item, "approve")).state == "decided"


async def test_an_escalated_item_needs_the_permission(desk: Desk) -> None:
    item = await desk.queue()
    await desk.decide(desk.person("ana"), item, "escalate")
    with pytest.raises(ReviewEscalated):
        await desk.reviews.queue.claim(desk.person("bob"), item.id)
    await desk.decide(desk.person("chief", "admin"), item, "approve")


async def test_what_a_reviewer_escalated_stays_so_when_the_time_to_escalate_comes(desk: Desk) -> None:
    item, other = await desk.queue(escalate_minutes=30), await desk.queue(escalate_minutes=30)
    await desk.decide(desk.person("ana"), item, "escalate")
    desk.clock.advance(30 * 60)
    await desk.reviews.lifecycle.expire_due()
    shown = {
        each.id: each.level for each in await desk.reviews.queue.list(desk.person("bob"), ReviewFilters(), None, 9)
    }
    assert shown == {item.id: 2, other.id: 1}
    with pytest.raises(ReviewEscalated):
        await desk.reviews.queue.claim(desk.person("bob"), item.id)


async def test_a_repeated_decision_counts_once(desk: Desk) -> None:
    item, ana = await desk.queue(), desk.person("ana")
    claimed = await desk.reviews.queue.claim(ana, item.id)
    first = await desk.reviews.decisions.decide(ana, item.id, submission(claimed, "approve"), "key")
    assert await desk.reviews.decisions.decide(ana, item.id, submission(claimed, "approve"), "key") == first
    with pytest.raises(IdempotencyKeyReused):
        await desk.reviews.decisions.decide(ana, item.id, submission(claimed, "reject"), "key")
    assert await desk.rows("select count(*) from review_decisions") == [(1,)]


async def test_an_undecided_answer_expires_and_is_not_delivered(desk: Desk) -> None:
    item, ana = await desk.queue(escalate_minutes=30), desk.person("ana")
    desk.clock.advance(30 * 60)
    await desk.reviews.lifecycle.expire_due()
    [open_item] = await desk.reviews.queue.list(ana, ReviewFilters(), None, 10)
    assert open_item.level == 1
    claimed = await desk.reviews.queue.claim(ana, item.id)
    desk.clock.advance(30 * 60)
    with pytest.raises(ReviewClosed):
        await desk.reviews.decisions.decide(ana, item.id, submission(claimed, "approve"))
    before = total("app_review_items_ended_total", outcome="denied")
    ended_now = await desk.reviews.lifecycle.expire_due()
    assert ended_now >= 1
    assert total("app_review_items_ended_total", outcome="denied") == before + ended_now
    assert (await desk.asked(item.subject_id))["status"] == "rejected"
    ended, _ = await desk.reviews.queue.show(ana, item.id)
    assert (ended.state, ended.outcome) == ("expired", "denied")
    assert ("review.expire", "service") in await actions(desk.state, desk.tenant)


async def test_an_answer_from_restricted_documents_is_shown_to_their_group(desk: Desk) -> None:
    item = await desk.queue(groups=("finance",))
    with pytest.raises(ReviewNotFound):
        await desk.reviews.queue.show(desk.person("ana"), item.id)
    assert await desk.reviews.queue.list(desk.person("ana"), ReviewFilters(), None, 10) == []
    await desk.decide(desk.person("bob", groups=("finance", "board")), item, "approve")


async def test_every_decision_is_in_the_audit_log(desk: Desk) -> None:
    item = await desk.queue()
    await desk.decide(desk.person("ana"), item, "edit", "At seven sharp [1].")
    reader: Principal = desk.person("boss", "admin")
    [line] = [each for each in await desk.state.audit.page(20, None, reader.tenant_id) if each.subject == str(item.id)]
    assert (line.actor, line.action, line.before) == ("ana", "review.edit", item.digest)
    assert line.after != item.digest


async def test_a_delivered_answer_is_reviewed_and_stays_unchanged(desk: Desk) -> None:
    item = await desk.queue(send="after")
    assert (await desk.asked(item.subject_id))["text"] == TEXT
    await desk.decide(desk.person("ana"), item, "reject")
    assert (await desk.asked(item.subject_id))["text"] == TEXT


async def test_a_second_review_is_blind_and_measures_agreement(desk: Desk) -> None:
    ana, bob = desk.person("ana"), desk.person("bob")
    for second in ("approve", "reject", "approve"):
        item = await desk.queue(overlap=1.0)
        both = [
            i for i in await desk.reviews.queue.list(ana, ReviewFilters(), None, 50) if i.subject_id == item.subject_id
        ]
        twin = next(each for each in both if each.kind == "overlap")
        await desk.decide(ana, item, "approve")
        with pytest.raises(AlreadyReviewed):
            await desk.reviews.queue.claim(ana, twin.id)
        await desk.decide(bob, twin, second)  # type: ignore[arg-type]
        assert (await desk.asked(item.subject_id))["text"] == TEXT
    found = await desk.reviews.queue.agreement(ana)
    assert (found.pairs, found.agreed) == (3, 2)
    assert found.alpha == pytest.approx(0.0)
