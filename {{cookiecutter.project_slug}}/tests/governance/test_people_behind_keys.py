"""Approvals count people: two keys of one person, or a key and an account, are one approver."""

from collections.abc import Callable
from uuid import UUID

import pytest

from app.governance.domain.approval_rules import ApprovedAlready, SelfApproval
from app.identity.domain import KeyTerms, Principal
from app.wiring import State
from tests.governance.conftest import House

Houses = Callable[..., House]


async def approver(state: State, tenant: UUID, key: str, who: str | None) -> Principal:
    """The caller with a new key, as the routes have it."""
    made = await state.identity.create_key(tenant, key, ["service"], terms=KeyTerms(person=who))
    return await state.identity.authenticate(made.text)


async def test_two_keys_of_one_person_are_one_approver(house: Houses, state: State, tenant: UUID) -> None:
    here = house("high")
    release = await here.measured(author="bo")
    first = await approver(state, tenant, "laptop", "ana@example.com")
    _, missing = await here.approvals.approve(first, release.id, "read it")
    assert missing is not None
    for second in (
        await approver(state, tenant, "phone", "Ana@Example.com "),
        await approver(state, tenant, "ana@example.com", None),
    ):
        with pytest.raises(ApprovedAlready):
            await here.approvals.approve(second, release.id, "read it again")
    assert await here.state(release) == "evaluated"
    other = await approver(state, tenant, "the third", "cleo@example.com")
    assert (await here.approvals.approve(other, release.id, "read it too"))[1] is None


async def test_an_author_approves_with_none_of_the_own_keys(house: Houses, state: State, tenant: UUID) -> None:
    here = house("medium")
    author = await approver(state, tenant, "laptop", "ana@example.com")
    release = await here.measured(author=author.name)
    with pytest.raises(SelfApproval):
        await here.approvals.approve(
            await approver(state, tenant, "phone", "ana@example.com"), release.id, "read it again"
        )
