"""Reviews by two people: two keys of one person are one reviewer, and nobody reviews their own question."""

from uuid import UUID

import pytest

from app.identity.domain import KeyTerms, Principal
from app.review.domain.items import AlreadyReviewed, SelfReview
from app.wiring import State
from tests.review.conftest import Desk


async def reviewer(state: State, tenant: UUID, key: str, who: str) -> Principal:
    made = await state.identity.create_key(tenant, key, ["reviewer"], terms=KeyTerms(person=who))
    return await state.identity.authenticate(made.text)


async def test_a_second_review_is_not_one_by_another_key_of_the_first_reviewer(desk: Desk) -> None:
    item = await desk.queue(decisions=2)
    state, tenant = desk.state, desk.tenant
    await desk.decide(await reviewer(state, tenant, "laptop", "Ana"), item, "approve")
    with pytest.raises(AlreadyReviewed):
        await desk.decide(await reviewer(state, tenant, "phone", " ana"), item, "approve")
    assert (await desk.asked(item.subject_id))["status"] == "held"
    await desk.decide(await reviewer(state, tenant, "other", "Bo"), item, "approve")
    assert (await desk.asked(item.subject_id))["status"] == "answered"


async def test_who_asked_does_not_review_with_another_key(desk: Desk) -> None:
    item = await desk.queue(asker="ana")
    with pytest.raises(SelfReview):
        await desk.decide(await reviewer(desk.state, desk.tenant, "phone", "Ana"), item, "approve")
