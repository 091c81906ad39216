"""Staging takes any release, goes back like production, and is as it was after a rehearsal."""

import pytest

from tests.releases.conftest import House


async def test_staging_takes_any_release_and_moves_nothing_else(house: House) -> None:
    process = house.process()
    first = await process.environments.resolve()
    draft = await process.releases.create("ada", base=first.id, changes={"refusal.words": 9})
    await process.rollouts.activate("ada", draft.id, "to look at it", "staging")
    assert process.environments.served("staging").live == draft
    assert process.environments.current() == first
    assert (await process.releases.history(draft.id)).state == "draft"


async def test_a_rehearsal_leaves_staging_as_it_was_and_keeps_the_time(house: House) -> None:
    process = house.process()
    first = await process.environments.resolve()
    second = await house.approved(process)
    await process.rollouts.activate("operator", second.id, "better")
    looked_at = await process.releases.create("ada", base=first.id, changes={"refusal.words": 8})
    draft = await process.releases.create("ada", base=first.id, changes={"refusal.words": 9})
    for each in (looked_at, draft):
        await process.rollouts.activate("ada", each.id, "to look at it", "staging")
    target, seconds = await process.rollouts.rehearse("operator", "before the weekend")
    assert (target, process.environments.current()) == (first, second)
    assert process.environments.served("staging").live == draft
    kept = (await process.environments.moves("staging"))[0]
    assert (kept.kind, kept.seconds, kept.release_id) == ("rehearsal", seconds, first.id)
    # What was only rehearsed is not gone back to.
    assert await process.rollouts.rollback("operator", "worse", "staging") == looked_at


async def test_a_second_rollback_goes_further_back_also_where_a_release_comes_again(house: House) -> None:
    process = house.process()
    first = await process.environments.resolve()
    second, third = await house.approved(process), await house.approved(process)
    for release in (first, second, third):
        await process.rollouts.activate("operator", release.id, "to look at it", "staging")
    assert await process.rollouts.rollback("operator", "worse", "staging") == second
    assert await process.rollouts.rollback("operator", "worse still", "staging") == first
    await process.rollouts.activate("operator", third.id, "again", "staging")
    assert await process.rollouts.rollback("operator", "still worse", "staging") == first


@pytest.mark.parametrize("served", ["draft", "target", "live"])
async def test_a_rehearsal_leaves_the_way_back_on_staging_as_it_was(house: House, served: str) -> None:
    process = house.process()
    target = await process.environments.resolve()
    live = await house.approved(process)
    await process.rollouts.activate("operator", live.id, "better")
    draft = await process.releases.create("ada", base=live.id, changes={"refusal.words": 9})
    before = {"draft": [target, live, draft], "target": [draft, live, target], "live": [draft, target, live]}[served]
    for each in before:
        await process.rollouts.activate("ada", each.id, "to look at it", "staging")
    assert (await process.rollouts.rehearse("operator", "before the weekend"))[0] == target
    assert process.environments.served("staging").live == before[2]
    assert process.environments.served("staging").previous == before[1]
    for each in before[1::-1]:
        assert await process.rollouts.rollback("operator", "worse", "staging") == each
