from collections.abc import Callable

import pytest

from app.core.errors import StartRefused
from app.governance.domain.approvals import SelfApproval
from app.releases.domain import NotApproved
from app.settings import Settings
from app.wiring import check
from tests.governance.conftest import House, person
from tests.mistakes.conftest import Change

Houses = Callable[..., House]


@pytest.mark.parametrize("part", ["model", "prompts", "data", "policies"])
def test_a_service_with_a_part_that_nobody_owns_does_not_start(settings: Settings, change: Change, part: str) -> None:
    root = change("ownership", f"\n  {part}:", f"\n  # {part}:")
    with pytest.raises(StartRefused, match=rf"ownership\.yaml.*owners\.{part}"):
        check(settings.model_copy(update={"root": root}))


def test_a_policy_without_an_owner_stops_the_start(settings: Settings, change: Change) -> None:
    root = change("slo", "owner:", "# owner:")
    with pytest.raises(StartRefused, match=r"slo\.yaml.*owner"):
        check(settings.model_copy(update={"root": root}))


async def test_nobody_lets_their_own_work_go_live(house_of_releases: Houses) -> None:
    house = house_of_releases()
    release = await house.measured(author="ana")
    with pytest.raises(SelfApproval):
        await house.approvals.approve(person("ana"), release.id, "trust me")
    with pytest.raises(NotApproved):
        await house.environments.activate("ana", release.id, "ship it")
    await house.approvals.approve(person("bob"), release.id, "read the report")
    await house.environments.activate("ana", release.id, "ship it")
    assert house.environments.current().id == release.id
