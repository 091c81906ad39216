"""Where a rollback goes after everything else that moves an environment."""

import pytest

from app.releases.domain import NoEarlierRelease
from tests.releases.conftest import House


async def test_what_was_live_twice_is_gone_back_to_and_then_what_was_between(house: House) -> None:
    process = house.process()
    first = await process.environments.resolve()
    second, third = await house.approved(process), await house.approved(process)
    await process.rollouts.activate("operator", second.id, "better")
    await process.rollouts.activate("operator", first.id, "the answers are harmful", break_glass=True)
    await process.rollouts.activate("operator", third.id, "mended")
    assert await process.rollouts.rollback("operator", "worse") == first
    assert await process.rollouts.rollback("operator", "worse still") == second
    with pytest.raises(NoEarlierRelease):  # the first was rolled back from
        await process.rollouts.rollback("operator", "and now?")


async def test_a_rollback_after_canaries_and_a_rehearsal_goes_to_what_all_callers_had(house: House) -> None:
    process = house.process()
    first = await process.environments.resolve()
    second, third, tried = [await house.approved(process) for _ in range(3)]
    await process.rollouts.start_canary("operator", second.id, 50, "carefully")
    await process.rollouts.activate("operator", second.id, "the canary was better")
    await process.rollouts.start_canary("operator", tried.id, 50, "carefully")
    await process.rollouts.end_canary("judge", "it was worse")
    await process.rollouts.activate("operator", third.id, "better")
    assert (await process.rollouts.rehearse("operator", "before the weekend"))[0] == second
    assert await process.rollouts.rollback("operator", "worse") == second
    assert await process.rollouts.rollback("operator", "worse still") == first


async def test_what_a_process_holds_ready_is_what_the_next_rollback_goes_to(house: House) -> None:
    """Also after a rollback that names its release and passes another one over."""
    process, first, _ = await house.after_three_releases()
    assert await process.rollouts.rollback("operator", "both are worse", to=first.id) == first
    assert process.environments.served().previous is None
    with pytest.raises(NoEarlierRelease):
        await process.rollouts.rollback("operator", "and now?")
