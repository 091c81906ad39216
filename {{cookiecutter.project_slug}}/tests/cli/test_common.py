"""What commands say alike."""

import asyncio
import os
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.cli.common import actor, caller_at_the_command_line, place_of, settings_for_command, steps_of, with_state
from app.core.database import Database
from app.core.embedded import Urls
from app.identity.domain import PERMISSIONS
from app.setup.process import run_with
from app.setup.rollback import open_rollouts
from tests.conftest import TESTED

TENANT = UUID(int=1)
SHORT = 0.05


def test_a_place_is_the_title_and_the_headings_each_named_once() -> None:
    assert place_of("Handbook", ("Refunds", "Cards")) == "Handbook > Refunds > Cards"
    assert place_of("Handbook", ("Handbook", "Refunds")) == "Handbook > Refunds"
    assert place_of("Handbook", ()) == "Handbook"


@given(st.text("ab", min_size=1, max_size=2), st.lists(st.text("ab", min_size=1, max_size=2), max_size=5))
def test_a_place_names_every_heading_in_its_order(title: str, headings: list[str]) -> None:
    named = place_of(title, headings).split(" > ")
    assert set(named) == {title, *headings}
    assert len(named) == len(set(named))
    assert named[0] == title


def test_the_time_of_each_step_is_told_in_milliseconds() -> None:
    assert steps_of({"embed": 1.26, "search": 30.0}) == "embed 1.3 ms, search 30.0 ms"
    assert steps_of({}) == ""


def test_whoever_is_at_the_command_line_may_do_everything_there() -> None:
    caller = caller_at_the_command_line(TENANT, ["staff"])
    assert all(caller.may(permission) for granted in PERMISSIONS.values() for permission in granted)
    assert (caller.tenant_id, caller.groups, caller.name) == (TENANT, {"staff"}, actor())
    assert caller.is_command_line


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="no user ids there")
def test_the_name_in_the_audit_log_is_not_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    before = actor()
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "somebody else")
    assert actor() == before


def test_a_command_is_quiet_unless_the_environment_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("APP_LOG_LEVEL", raising=False)
    monkeypatch.delenv("APP_LOG_FORMAT", raising=False)
    quiet = settings_for_command()
    assert (quiet.log_level, quiet.log_format) == ("WARNING", "console")
    monkeypatch.setenv("APP_LOG_LEVEL", "DEBUG")
    monkeypatch.setenv("APP_LOG_FORMAT", "json")
    loud = settings_for_command()
    assert (loud.log_level, loud.log_format) == ("DEBUG", "json")


@pytest.mark.parametrize("lane", ["pool", "engine"])
@pytest.mark.parametrize("command", ["rollback", "any other"])
def test_a_command_waits_for_a_connection_longer_than_an_answer(
    command: str, lane: str, database_urls: Urls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody else is refused meanwhile, and on a busy machine a connection may take more than a second."""
    monkeypatch.setattr("app.core.database.POOL_SECONDS", SHORT)
    variables = {
        "DATABASE_URL": database_urls.service,
        "APP_ROOT": str(TESTED),
        "APP_DATA_DIR": str(tmp_path),
        "APP_EMBEDDER": "none",
        "APP_DATABASE_POOL": "2",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    async def one_more_than_there_are(database: Database) -> None:
        def connection() -> AbstractAsyncContextManager[object]:
            return database.pipeline(TENANT) if lane == "pool" else database.transaction(None)

        async with connection(), connection():
            waiting = asyncio.create_task(take(connection))
            await asyncio.wait([waiting], timeout=10 * SHORT)
            assert not waiting.done()
        await waiting

    async def take(connection: Callable[[], AbstractAsyncContextManager[object]]) -> None:
        async with connection():
            pass

    if command == "rollback":
        run_with(
            open_rollouts, settings_for_command(), lambda rolling: one_more_than_there_are(rolling.releases.database)
        )
    else:
        with_state(lambda state: one_more_than_there_are(state.database))
