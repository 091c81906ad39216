"""What serves where: going live, back, and trying on a part of the callers."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from app.core.background import background
from app.core.database import listen
from app.core.errors import DatabaseUnavailable
from app.releases.domain import (
    ENVIRONMENT_CHANGED,
    CanaryRunning,
    IllegalMove,
    NoCanary,
    NoEarlierRelease,
    NoLiveRelease,
    NotApproved,
    ReasonRequired,
    ReleaseNotFound,
    ReleaseNotLoaded,
    ReleaseUnservable,
)
from tests.clock import until
from tests.releases.conftest import Bench, House, Process, Shelf, inputs


async def state_of(process: Process, release_id: str) -> str:
    return (await process.releases.history(release_id)).state


async def test_on_a_laptop_the_first_release_approves_itself_and_says_so(house: House) -> None:
    process = house.process()
    with pytest.raises(ReleaseNotLoaded):
        process.environments.current()
    release = await process.environments.resolve()
    history = await process.releases.history(release.id)
    assert [(event.after, event.unproven) for event in history.events] == [
        ("draft", None),
        ("approved", "first_release"),
        ("live", None),
    ]
    assert house.gate.first == [release.id]


async def test_only_the_first_one_does(house: House) -> None:
    first = await house.process().environments.resolve()
    changed = house.process(inputs())
    assert await changed.environments.resolve() == first


async def test_elsewhere_nothing_is_live_until_a_release_is_approved(house: House) -> None:
    process = house.process(self_approve_first=False)
    with pytest.raises(NoLiveRelease, match="live") as refused:
        await process.environments.resolve()
    assert "app release approve" in (refused.value.what_to_do or "")
    with pytest.raises(NoLiveRelease):
        await process.environments.ready()


async def test_processes_that_start_at_once_agree_on_the_first_release(house: House) -> None:
    made_from = inputs()
    found = await asyncio.gather(*(house.process(made_from).environments.resolve() for _ in range(8)))
    assert len({release.id for release in found}) == 1
    assert len(await house.process().environments.moves()) == 1


async def test_a_release_without_approval_does_not_go_live(house: House) -> None:
    process = house.process()
    first = await process.environments.resolve()
    draft = await process.releases.create("ada", base=first.id, changes={"refusal.words": 9})
    with pytest.raises(NotApproved):
        await process.rollouts.activate("ada", draft.id, "I like it")
    assert process.environments.current() == first == await process.environments.pointed()
    assert await state_of(process, draft.id) == "draft"


async def test_a_cleared_draft_is_still_not_live_without_its_approval(house: House) -> None:
    process = house.process()
    first = await process.environments.resolve()
    draft = await process.releases.create("ada", base=first.id, changes={"refusal.words": 9})
    house.gate.cleared.add(draft.id)
    with pytest.raises(NotApproved, match="draft"):
        await process.rollouts.activate("ada", draft.id, "I like it")


async def test_an_approved_release_goes_live_and_the_old_one_is_superseded(house: House) -> None:
    process = house.process()
    first = await process.environments.resolve()
    second = await house.approved(process)
    await process.rollouts.activate("operator", second.id, "it answers better")
    assert process.environments.current() == second
    assert (await state_of(process, first.id), await state_of(process, second.id)) == ("superseded", "live")
    assert process.environments.served().previous == first
    assert isinstance(process.releases.indexes, Shelf)
    assert process.releases.indexes.entered[-1] == second.manifest.index.id
    assert [move.kind for move in await process.environments.moves()] == ["activate", "activate"]


async def test_an_activation_needs_a_reason(house: House) -> None:
    process = house.process()
    await process.environments.resolve()
    second = await house.approved(process)
    with pytest.raises(ReasonRequired):
        await process.rollouts.activate("operator", second.id, "  ")


async def test_breaking_the_glass_goes_live_without_approval_and_is_marked(house: House) -> None:
    process = house.process()
    first = await process.environments.resolve()
    draft = await process.releases.create("ada", base=first.id, changes={"refusal.words": 9})
    await process.rollouts.activate("ada", draft.id, "the answers are harmful", break_glass=True)
    assert house.gate.glass == [draft.id]
    assert [event.unproven for event in (await process.releases.history(draft.id)).events] == [
        None,
        "break_glass",
        None,
    ]


async def test_every_process_follows_at_once(house: House) -> None:
    one, other = house.process(), house.process()
    await one.environments.resolve()
    second = await house.approved(one)
    database = other.releases.database
    async with background(lambda: listen(database, ENVIRONMENT_CHANGED, other.environments.follow, poll_seconds=60)):
        await until(lambda: bool(other.environments.live_releases.by_name))
        await one.rollouts.activate("operator", second.id, "better")
        await until(lambda: other.environments.current() == second)


async def test_a_process_that_missed_the_word_follows_by_looking(house: House) -> None:
    one, other = house.process(), house.process()
    await one.environments.resolve()
    await other.environments.resolve()
    second = await house.approved(one)
    await one.rollouts.activate("operator", second.id, "better")
    database = other.releases.database
    async with background(lambda: listen(database, "nobody_speaks_here", other.environments.follow, poll_seconds=0.05)):
        await until(lambda: other.environments.current() == second)


async def test_who_holds_a_standing_keeps_its_release_when_another_goes_live(house: House) -> None:
    process = house.process()
    first = await process.environments.resolve()
    live_releases = process.environments.served()
    second = await house.approved(process)
    await process.rollouts.activate("operator", second.id, "better")
    assert live_releases.assign("anyone") == (first, "live")
    assert process.environments.served().assign("anyone") == (second, "live")


async def test_a_release_that_this_process_cannot_serve_does_not_go_live(house: House) -> None:
    process = house.process()
    first = await process.environments.resolve()
    second = await house.approved(process)
    assert isinstance(process.environments.live_releases.loaded_releases, Bench)
    process.environments.live_releases.loaded_releases.broken.add(second.id)
    with pytest.raises(ReleaseUnservable):
        await process.rollouts.activate("operator", second.id, "better")
    assert await process.environments.pointed() == first


async def test_a_process_that_cannot_serve_what_is_live_keeps_the_last_one_and_is_not_ready(house: House) -> None:
    one, other = house.process(), house.process()
    first = await one.environments.resolve()
    await other.environments.resolve()
    second = await house.approved(one)
    assert isinstance(other.environments.live_releases.loaded_releases, Bench)
    other.environments.live_releases.loaded_releases.broken.add(second.id)
    await one.rollouts.activate("operator", second.id, "better")
    await other.environments.follow()
    assert other.environments.current() == first
    with pytest.raises(ReleaseUnservable, match="key is missing"):
        await other.environments.ready()


async def test_a_process_holds_ready_what_it_serves_and_what_it_would_roll_back_to(house: House) -> None:
    process = house.process()
    await process.environments.resolve()
    second, third = await house.approved(process), await house.approved(process)
    for each in (second, third):
        await process.rollouts.activate("operator", each.id, "better")
    bench = process.environments.live_releases.loaded_releases
    assert isinstance(bench, Bench)
    assert bench.ready == {second.id, third.id}


@pytest.mark.parametrize("way", ["live", "canary"])
async def test_what_a_process_could_not_serve_it_serves_as_soon_as_it_can(house: House, way: str) -> None:
    one, other = house.process(), house.process()
    first = await one.environments.resolve()
    await other.environments.resolve()
    second = await house.approved(one)
    bench = other.environments.live_releases.loaded_releases
    assert isinstance(bench, Bench)
    bench.broken.add(second.id)
    if way == "live":
        await one.rollouts.activate("operator", second.id, "better")
    else:
        await one.rollouts.start_canary("operator", second.id, 50, "carefully")

    async def served() -> set[str]:
        await other.environments.follow()
        return {other.environments.served().assign(f"unit {number}")[0].id for number in range(50)}

    assert await served() == {first.id}
    bench.broken.clear()
    assert await served() == ({second.id} if way == "live" else {first.id, second.id})
    await other.environments.ready()


async def test_with_the_database_away_the_last_release_keeps_serving(house: House, monkeypatch) -> None:
    process = house.process()
    first = await process.environments.resolve()

    async def away(*_: object) -> None:
        raise DatabaseUnavailable

    monkeypatch.setattr("app.releases.repository.pointers", away)
    await process.environments.follow()
    assert process.environments.current() is first
    assert await process.environments.resolve() is first


@pytest.mark.quick
async def test_a_rollback_needs_no_gate_and_brings_back_the_release_before(house: House) -> None:
    process = house.process()
    first = await process.environments.resolve()
    second = await house.approved(process)
    await process.rollouts.activate("operator", second.id, "better")
    house.gate.cleared.clear()
    assert await process.rollouts.rollback("operator", "it was not") == first
    assert process.environments.current() == first
    assert (await state_of(process, first.id), await state_of(process, second.id)) == ("live", "rolled_back")
    assert (await process.environments.moves())[0].reason == "it was not"


async def test_a_second_rollback_goes_further_back_and_not_forth(house: House) -> None:
    process, first, second = await house.after_three_releases()
    assert await process.rollouts.rollback("operator", "worse") == second
    assert await process.rollouts.rollback("operator", "worse still") == first
    with pytest.raises(NoEarlierRelease):
        await process.rollouts.rollback("operator", "and now?")


async def test_a_rollback_can_name_its_release(house: House) -> None:
    process, first, second = await house.after_three_releases()
    assert await process.rollouts.rollback("operator", "both are worse", to=str(first.number)) == first
    assert await process.rollouts.rollback("operator", "the second was good", to=second.id) == second


async def test_a_rollback_goes_only_to_what_was_live_and_approved(house: House) -> None:
    process = house.process()
    await process.environments.resolve()
    second, never = await house.approved(process), await house.approved(process)
    await process.rollouts.activate("operator", second.id, "better")
    with pytest.raises(NoEarlierRelease, match="never live"):
        await process.rollouts.rollback("operator", "worse", to=never.id)
    with pytest.raises(ReasonRequired):
        await process.rollouts.rollback("operator", "")


async def test_a_canary_takes_its_part_and_always_the_same_callers(house: House) -> None:
    process = house.process()
    first = await process.environments.resolve()
    second = await house.approved(process)
    await process.rollouts.start_canary("operator", second.id, 10, "carefully")
    arms = {f"unit {n}": process.environments.served().assign(f"unit {n}") for n in range(4000)}
    taken = [unit for unit, (release, arm) in arms.items() if arm == "canary"]
    assert 320 < len(taken) < 480
    assert {release.id for release, arm in arms.values() if arm == "control"} == {first.id}
    assert {arms[unit][0].id for unit in taken} == {second.id}
    other = house.process()
    await other.environments.resolve()
    assert all(other.environments.served().assign(unit)[1] == arm for unit, (_, arm) in arms.items())


async def test_a_canary_needs_an_approval_and_a_control_and_is_alone(house: House) -> None:
    process = house.process()
    first = await process.environments.resolve()
    draft = await process.releases.create("ada", base=first.id, changes={"refusal.words": 9})
    with pytest.raises(NotApproved):
        await process.rollouts.start_canary("ada", draft.id, 10, "just trying")
    house.gate.cleared.add(draft.id)
    with pytest.raises(IllegalMove):
        await process.rollouts.start_canary("ada", draft.id, 10, "just trying")
    second, third = await house.approved(process), await house.approved(process)
    await process.rollouts.start_canary("operator", second.id, 10, "carefully")
    with pytest.raises(CanaryRunning):
        await process.rollouts.start_canary("operator", third.id, 10, "carefully")
    with pytest.raises(CanaryRunning):
        await process.rollouts.activate("operator", third.id, "better")


async def test_an_aborted_canary_is_rolled_back_and_everybody_has_the_live_release(house: House) -> None:
    process = house.process()
    first = await process.environments.resolve()
    second = await house.approved(process)
    await process.rollouts.start_canary("operator", second.id, 50, "carefully")
    await process.rollouts.end_canary("judge", "error rate rose from 1 % to 9 %", second.id)
    assert all(process.environments.served().assign(f"unit {n}") == (first, "live") for n in range(50))
    assert await state_of(process, second.id) == "rolled_back"
    with pytest.raises(NoCanary):
        await process.rollouts.end_canary("judge", "again", second.id)


async def test_a_late_verdict_on_a_canary_does_not_end_the_next_one(house: House) -> None:
    process = house.process()
    await process.environments.resolve()
    second, third = await house.approved(process), await house.approved(process)
    await process.rollouts.start_canary("operator", second.id, 50, "carefully")
    await process.rollouts.end_canary("operator", "another one first", second.id)
    await process.rollouts.start_canary("operator", third.id, 50, "carefully")
    with pytest.raises(NoCanary):
        await process.rollouts.end_canary("judge", "error rate rose from 1 % to 9 %", second.id)
    assert await state_of(process, third.id) == "canary"


async def test_a_rollback_while_a_canary_runs_ends_the_canary(house: House) -> None:
    process = house.process()
    first = await process.environments.resolve()
    second = await house.approved(process)
    await process.rollouts.start_canary("operator", second.id, 50, "carefully")
    assert await process.rollouts.rollback("operator", "complaints") == first
    assert await state_of(process, second.id) == "rolled_back"
    assert await state_of(process, first.id) == "live"


async def test_a_canary_that_proved_itself_goes_live(house: House) -> None:
    process = house.process()
    await process.environments.resolve()
    second = await house.approved(process)
    await process.rollouts.start_canary("operator", second.id, 50, "carefully")
    await process.rollouts.activate("operator", second.id, "no worse in anything")
    assert process.environments.served().assign("anyone") == (second, "live")
    assert await state_of(process, second.id) == "live"


async def test_what_was_live_at_a_moment_is_one_question(house: House) -> None:
    process = house.process()
    before = datetime.now(UTC)
    first = await process.environments.resolve()
    between = datetime.now(UTC)
    second = await house.approved(process)
    await process.rollouts.start_canary("operator", second.id, 10, "carefully")
    assert (await process.environments.at(between)).release_id == first.id
    now = await process.environments.at(datetime.now(UTC))
    assert (now.release_id, now.canary and now.canary.release_id) == (first.id, second.id)
    with pytest.raises(ReleaseNotFound):
        await process.environments.at(before - timedelta(seconds=1))


async def test_every_move_is_in_the_audit_log(house: House) -> None:
    process = house.process()
    first = await process.environments.resolve()
    second, third = await house.approved(process), await house.approved(process)
    await process.rollouts.start_canary("operator", second.id, 50, "carefully")
    await process.rollouts.end_canary("judge", "slower", second.id)
    await process.rollouts.activate("operator", third.id, "better")
    await process.rollouts.rollback("operator", "complaints")
    query = text("select action, actor, after from audit_log where subject = :subject order by sequence")
    async with house.database.read(None) as connection:
        found = await connection.execute(query, {"subject": f"environment {house.name}"})
        assert [tuple(row) for row in found] == [
            ("environment.activate", "app", first.id),
            ("environment.canary", "operator", second.id),
            ("environment.canary_ended", "judge", first.id),
            ("environment.activate", "operator", third.id),
            ("environment.rollback", "operator", first.id),
        ]
