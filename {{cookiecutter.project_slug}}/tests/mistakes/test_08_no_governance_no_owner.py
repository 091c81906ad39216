from collections.abc import Callable

import httpx
import psycopg
import pytest

from app.core.audit import LogBroken
from app.core.embedded import Urls
from app.core.errors import StartRefused
from app.governance.domain.approval_rules import SelfApproval
from app.releases.domain import NotApproved
from app.settings import Settings
from app.wiring import State, check
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
        await house.rollouts.activate("ana", release.id, "ship it")
    await house.approvals.approve(person("bob"), release.id, "read the report")
    await house.rollouts.activate("ana", release.id, "ship it")
    assert house.environments.current().id == release.id


async def test_a_line_of_the_audit_log_that_somebody_changed_is_named(
    state: State, client: httpx.AsyncClient, database_urls: Urls
) -> None:
    assert (await client.post("/v1/keys", json={"name": "reader"})).status_code == 201
    line = (await client.get("/v1/audit", params={"limit": 1})).json()["items"][0]
    assert line["action"] == "key.create"
    change = "update audit_log set actor = %s where sequence = %s"
    try:
        _as_owner(database_urls, change, "nobody", line["sequence"])
        with pytest.raises(LogBroken, match=f"Line {line['sequence']} was edited"):
            await state.audit.verify("auditor")
    finally:
        _as_owner(database_urls, change, line["actor"], line["sequence"])
    await state.audit.verify("auditor")


def _as_owner(urls: Urls, statement: str, *values: object) -> None:
    """What only the owner of the tables can do: switch the trigger off."""
    with psycopg.connect(urls.owner) as owner:
        owner.execute("alter table audit_log disable trigger audit_log_frozen")
        owner.execute(statement.encode(), values)
        owner.execute("alter table audit_log enable trigger audit_log_frozen")
