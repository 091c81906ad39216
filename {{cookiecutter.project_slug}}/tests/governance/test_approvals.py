import asyncio
from collections.abc import Callable
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from structlog.testing import capture_logs

from app.core import audit
from app.core.audit import Line
from app.governance.domain.approval_rules import (
    ApprovedAlready,
    BreakGlassNotFound,
    Emergency,
    NoEvidence,
    ReviewedAlready,
    SelfApproval,
)
from app.governance.service.approvals import _broken
from app.identity.domain import PermissionMissing
from app.releases.domain import IllegalMove, NoLiveRelease, NotApproved, ReasonRequired, Release
from app.wiring import State
from tests.governance.conftest import House, person

Houses = Callable[..., House]


async def lines_about(house: House, release: Release) -> list[Line]:
    async with house.releases.database.read(None) as connection:
        return [line async for line in audit.lines(connection) if release.id in line.subject]


async def test_an_approved_release_goes_live(house: Houses) -> None:
    here = house()
    release = await here.measured()
    approval, missing = await here.approvals.approve(person("bob"), str(release.number), "read the report")
    assert missing is None
    assert (approval.approver, approval.role, approval.kind) == ("bob", "service", "approval")
    assert await here.state(release) == "approved"
    await here.rollouts.activate("ana", release.id, "ship it")
    assert here.environments.current().id == release.id


async def test_a_release_that_nobody_approved_does_not_go_live(house: Houses) -> None:
    here = house()
    release = await here.measured()
    with pytest.raises(NotApproved, match="1 must approve it who did not make it; 0 did"):
        await here.rollouts.activate("ana", release.id, "ship it")
    assert await here.state(release) == "evaluated"


async def test_nobody_approves_their_own_release(house: Houses) -> None:
    here = house()
    release = await here.measured(author="ana")
    with pytest.raises(SelfApproval):
        await here.approvals.approve(person("ana"), release.id, "trust me")
    assert await here.approvals.of_release(release.id) == []
    assert await here.state(release) == "evaluated"


async def test_at_low_risk_the_author_may(house: Houses) -> None:
    here = house("low")
    release = await here.measured(author="ana")
    assert (await here.approvals.approve(person("ana"), release.id, "small change"))[1] is None


async def test_at_high_risk_two_others_are_needed(house: Houses) -> None:
    here = house("high")
    release = await here.measured()
    _, missing = await here.approvals.approve(person("bob"), release.id, "read it")
    assert missing is not None
    assert "2 must approve" in missing
    assert await here.state(release) == "evaluated"
    with pytest.raises(ApprovedAlready):
        await here.approvals.approve(person("bob"), release.id, "read it again")
    with pytest.raises(NotApproved):
        await here.rollouts.activate("ana", release.id, "ship it")
    assert (await here.approvals.approve(person("cleo"), release.id, "read it too"))[1] is None
    assert await here.state(release) == "approved"


@pytest.mark.parametrize("verdict", ["FAIL", "INCONCLUSIVE"])
async def test_without_a_passed_gate_there_is_no_approval(house: Houses, verdict: str) -> None:
    here = house()
    release = await here.measured(verdict)  # type: ignore[arg-type]
    with pytest.raises(NoEvidence, match=verdict):
        await here.approvals.approve(person("bob"), release.id, "looks fine to me")


async def test_a_newer_evaluation_voids_the_approval(house: Houses) -> None:
    here = house()
    release = await here.measured()
    await here.approvals.approve(person("bob"), release.id, "read the report")
    await here.measure(release)
    assert await here.state(release) == "evaluated"
    with pytest.raises(NotApproved):
        await here.rollouts.activate("ana", release.id, "ship it")
    await here.approvals.approve(person("bob"), release.id, "read the newer one")
    assert await here.state(release) == "approved"


async def test_who_saw_an_older_report_approves_nothing(house: Houses) -> None:
    here = house()
    release = await here.draft()
    old = await here.measure(release)
    await here.measure(release)
    with pytest.raises(NoEvidence, match="is not the newest"):
        await here.approvals.approve(person("bob"), release.id, "read the report", report=old)


async def test_an_approval_that_ran_out_lets_nothing_go_live(house: Houses) -> None:
    here = house()
    release = await here.measured()
    ends = here.clock.now().replace(minute=59)
    await here.approvals.approve(person("bob"), release.id, "for today", expires=ends)
    here.wait(days=1)
    with pytest.raises(NotApproved):
        await here.rollouts.activate("ana", release.id, "ship it")
    await here.approvals.approve(person("bob"), release.id, "still fine")
    await here.rollouts.activate("ana", release.id, "ship it")


async def test_a_canary_needs_an_approval_as_well(house: Houses) -> None:
    here = house()
    first, second = await here.measured(), await here.measured()
    await here.approvals.approve(person("bob"), first.id, "read it")
    await here.rollouts.activate("ana", first.id, "ship it")
    with pytest.raises(NotApproved):
        await here.rollouts.start_canary("ana", second.id, 10, "try it")


async def test_a_part_with_named_people_waits_for_one_of_them(house: Houses) -> None:
    here = house(named={"data": ("dora",)})
    first, second = await here.measured(), await here.measured()
    await here.approvals.approve(person("dora"), first.id, "read it")
    await here.rollouts.activate("ana", first.id, "ship it")
    _, missing = await here.approvals.approve(person("bob"), second.id, "read it")
    assert missing == "It changes data, which one of dora must approve."
    assert await here.state(second) == "evaluated"
    assert (await here.approvals.approve(person("dora"), second.id, "fine"))[1] is None


@pytest.mark.parametrize("role", ["user", "reviewer", "operator", "admin"])
async def test_no_role_of_a_tenant_approves(house: Houses, role: str) -> None:
    here = house()
    release = await here.measured()
    with pytest.raises(PermissionMissing):
        await here.approvals.approve(person("bob", role), release.id, "read it")
    with pytest.raises(PermissionMissing):
        await here.approvals.reject(person("bob", role), release.id, "no")


async def test_an_approval_says_why(house: Houses) -> None:
    here = house()
    release = await here.measured()
    with pytest.raises(ReasonRequired):
        await here.approvals.approve(person("bob"), release.id, "a")


async def test_a_rejected_release_stays_out_until_it_is_measured_again(house: Houses) -> None:
    here = house()
    release = await here.measured()
    await here.approvals.approve(person("bob"), release.id, "read it")
    await here.approvals.reject(person("cleo"), release.id, "answers about pay are wrong")
    assert await here.state(release) == "rejected"
    with pytest.raises(IllegalMove):
        await here.approvals.approve(person("dan"), release.id, "I like it")
    await here.measure(release)
    with pytest.raises(NotApproved):
        await here.rollouts.activate("ana", release.id, "ship it")


async def test_approvals_and_rejections_are_in_the_audit_log(house: Houses) -> None:
    here = house()
    release = await here.draft()
    report = await here.measure(release)
    await here.approvals.approve(person("bob"), release.id, "read it")
    await here.approvals.reject(person("cleo"), release.id, "wrong")
    told = [(line.action, line.actor, line.reason, line.after) for line in await lines_about(here, release)][-3:]
    assert told == [
        ("release.approve", "bob", "read it", f"report {report}"),
        ("release.approved", "bob", "read it", "approved"),
        ("release.rejected", "cleo", "wrong", "rejected"),
    ]


async def test_two_people_who_approve_at_once_both_count(house: Houses) -> None:
    here = house("high")
    release = await here.measured()
    await asyncio.gather(*(here.approvals.approve(person(name), release.id, "read it") for name in ("bob", "cleo")))
    assert await here.state(release) == "approved"


async def test_one_person_who_approves_twice_at_once_counts_once(house: Houses) -> None:
    here = house("high")
    release = await here.measured()
    tries = (here.approvals.approve(person("bob"), release.id, "read it") for _ in range(4))
    ended = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(each, ApprovedAlready) for each in ended) == 3
    assert await here.state(release) == "evaluated"


@pytest.mark.parametrize("statement", ["update approvals set approver = 'x'", "delete from approvals"])
async def test_an_approval_is_never_changed(house: Houses, statement: str) -> None:
    here = house()
    with pytest.raises(DBAPIError, match="permission denied"):
        async with here.releases.database.transaction(None) as connection:
            await connection.execute(text(statement))


async def broken(here: House, actor: str = "ana") -> tuple[Release, Emergency]:
    release = await here.draft()
    await here.rollouts.activate(actor, release.id, "production is on fire", break_glass=True)
    found = [each for each in await here.approvals.emergencies() if each.approval.release_id == release.id]
    return release, found[0]


async def test_breaking_the_glass_lets_a_release_go_live_loudly(house: Houses) -> None:
    here = house()
    before = _broken._value.get()
    with capture_logs() as logs:
        release, emergency = await broken(here)
    assert here.environments.current().id == release.id
    assert (emergency.approval.approver, emergency.approval.reason) == ("ana", "production is on fire")
    assert _broken._value.get() == before + 1
    (logged,) = [line for line in logs if line["event"] == "governance.break_glass_used"]
    assert (logged["log_level"], logged["actor"], logged["number"]) == ("error", "ana", release.number)
    (line,) = [line for line in await lines_about(here, release) if line.action == "release.break_glass"]
    assert (line.actor, line.reason) == ("ana", "production is on fire")
    assert line.before == "The release has not been evaluated."


async def test_breaking_the_glass_needs_a_reason(house: Houses) -> None:
    here = house()
    release = await here.draft()
    with pytest.raises(ReasonRequired):
        await here.rollouts.activate("ana", release.id, "", break_glass=True)


async def test_the_glass_stays_whole_for_a_release_that_is_approved(house: Houses) -> None:
    here = house()
    release = await here.measured()
    await here.approvals.approve(person("bob"), release.id, "read it")
    await here.rollouts.activate("ana", release.id, "ship it", break_glass=True)
    assert all(each.approval.release_id != release.id for each in await here.approvals.emergencies())


async def test_an_emergency_is_reviewed_once_and_by_somebody_else(house: Houses) -> None:
    here = house()
    release, emergency = await broken(here)
    with pytest.raises(SelfApproval):
        await here.approvals.review(person("ana"), emergency.approval.id, "I was right")
    reviewed = await here.approvals.review(person("bob"), emergency.approval.id, "it was the right thing")
    assert reviewed.review is not None
    with pytest.raises(ReviewedAlready):
        await here.approvals.review(person("cleo"), emergency.approval.id, "me too")
    with pytest.raises(BreakGlassNotFound):
        await here.approvals.review(person("bob"), uuid4(), "what was that")
    assert (await lines_about(here, release))[-1].action == "release.review_break_glass"


async def test_the_readiness_page_names_an_emergency_until_it_is_reviewed(house: Houses) -> None:
    here = house()
    release, emergency = await broken(here)

    async def notes() -> list[str]:
        return [note for note in await here.approvals.notes() if release.id[:12] in note]

    assert "its review is due by" in (await notes())[0]
    here.wait(hours=25)
    assert "its review is overdue since" in (await notes())[0]
    await here.approvals.review(person("bob"), emergency.approval.id, "it was the right thing")
    assert await notes() == []


async def test_an_emergency_is_no_approval_the_next_time(house: Houses) -> None:
    here = house()
    release, _ = await broken(here)
    other = await here.measured()
    await here.approvals.approve(person("bob"), other.id, "read it")
    await here.rollouts.activate("ana", other.id, "better")
    await here.measure(release)
    with pytest.raises(NotApproved):
        await here.rollouts.activate("ana", release.id, "again")


async def test_the_first_release_on_a_laptop_says_that_it_approved_itself(house: Houses) -> None:
    here = house(laptop=True)
    release = await here.environments.resolve()
    (exception,) = await here.approvals.of_release(release.id)
    assert (exception.kind, exception.approver, exception.report) == ("first_release", "app", None)
    acts = [line.action for line in await lines_about(here, release)]
    assert acts == ["release.create", "release.approved", "release.live"]


async def test_elsewhere_no_release_approves_itself(house: Houses) -> None:
    with pytest.raises(NoLiveRelease):
        await house().environments.resolve()


async def test_the_running_service_asks_for_approvals(state: State, house: Houses) -> None:
    here = house()
    release = await here.measured()
    async with here.releases.database.transaction(None) as connection:
        await here.releases.mark_approved(connection, release.id, "mallory", "by a way around")
    with pytest.raises(NotApproved, match="0 did on this report"):
        await state.rollouts.activate("mallory", release.id, "nobody will notice")
