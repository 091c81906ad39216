"""Commands for actions and tickets, on the database of the tests."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from typer.testing import CliRunner, Result

from app.actions.domain import ActionNotFound, ExternalToolStatus, ToolDescription
from app.actions.domain.ticket import TicketNotFound
from app.cli import app
from app.core.clock import ManualClock
from app.core.embedded import Urls
from app.identity.domain import COMMAND_LINE, Principal
from app.settings import Settings
from app.wiring import build
from tests.actions.conftest import Shop
from tests.cli.test_costs_and_version import run

__all__ = ["run"]


def call(run: CliRunner, *arguments: str) -> Result:
    return run.invoke(app, list(arguments))


@asynccontextmanager
async def shop_of(urls: Urls, settings: Settings, name: str) -> AsyncIterator[Shop]:
    """What ana proposes at the command line of a tenant."""
    async with build(settings, urls) as state:
        tenant = await state.identity.ensure_tenant(name)
        caller = Principal(tenant, COMMAND_LINE, "ana", frozenset({"admin"}))
        yield Shop(state, urls, tenant, caller, "", ManualClock(), state.actions)


def noted(urls: Urls, settings: Settings, name: str) -> UUID:
    """Ask at the command line for an action, and run it."""

    async def go() -> UUID:
        async with shop_of(urls, settings, name) as shop:
            proposal = await shop.approved(ticket="T-1", text="Tiles ordered.")
            assert (await shop.run(proposal)).state == "done"
            return proposal.id

    return asyncio.run(go())


def test_from_a_ticket_to_what_was_done_about_it(run: CliRunner, database_urls: Urls, settings: Settings) -> None:
    name = f"shop-{uuid4()}"
    assert call(run, "keys", "create", "ana", "--tenant", name).exit_code == 0
    of = ("--tenant", name)
    assert "Nothing was proposed." in call(run, "actions", "list", *of).output
    assert call(run, "actions", "list", "--state", "lost", *of).exit_code == 2
    assert "There are no open tickets." in call(run, "tickets", "list", *of).output
    assert "T-1 is open." in call(run, "tickets", "add", "The roof [leaks]", "--text", "Since May.", *of).output
    assert "The roof [leaks]" in call(run, "tickets", "list", *of).output
    action = noted(database_urls, settings, name)
    assert "ana: Tiles ordered." in call(run, "tickets", "show", "T-1", *of).output
    assert str(action)[:8] in call(run, "actions", "list", "--state", "done", *of).output
    shown = call(run, "actions", "show", str(action), *of).output
    for part in ("add_ticket_note (reversible) for ana: done", "text: Tiles ordered.", '"noted":true'):
        assert part in shown
    assert isinstance(call(run, "actions", "show", str(uuid4()), *of).exception, ActionNotFound)
    for unknown in ("T-7", "seven", "T-99999999999"):
        assert isinstance(call(run, "tickets", "show", unknown, *of).exception, TicketNotFound)


def waiting(urls: Urls, settings: Settings, name: str) -> UUID:
    async def go() -> UUID:
        async with shop_of(urls, settings, name) as shop:
            proposal = await shop.waiting(due_at=datetime.now(UTC) + timedelta(hours=1))
            await shop.state.reviews.lifecycle.add(shop.tenant, proposal.id, "action")
            return proposal.id

    return asyncio.run(go())


def test_an_action_is_decided_on_at_the_command_line(run: CliRunner, database_urls: Urls, settings: Settings) -> None:
    name = f"shop-{uuid4()}"
    action = waiting(database_urls, settings, name)
    of = ("--tenant", name)
    assert "before action" in call(run, "review", "list", *of).output
    shown = call(run, "review", "next", *of).output
    for part in ("close_ticket (irreversible) for ana", '"resolution": "Flange tightened."', "(before the run, medium"):
        assert part in shown
    found = re.search(r"review decide (\S+) approve --token (\d+) --sha256 (\w+)", shown)
    assert found
    seen = ["--token", found[2], "--sha256", found[3], "--reason", "fine", *of]
    assert "approved" in call(run, "review", "decide", found[1], "approve", *seen).output
    assert ": approved" in call(run, "actions", "show", str(action), *of).output


def test_the_catalogue_lists_what_a_request_may_name(run: CliRunner) -> None:
    shown = call(run, "actions", "catalogue").output
    assert "close_ticket" in shown
    assert "irreversible" in shown


def test_the_tools_of_other_servers_are_shown_with_their_digests(
    run: CliRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "names no tools" in call(run, "actions", "tools").output
    described = ToolDescription("find-issue", "Finds\x1b[2J an issue.", {"type": "object"})

    async def status(_: object) -> list[ExternalToolStatus]:
        return [
            ExternalToolStatus("tracker", "find-issue", "not_accepted", described),
            ExternalToolStatus("tracker", "close-issue", "unavailable", None),
        ]

    monkeypatch.setattr("app.actions.service.external_actions.ExternalActions.status", status)
    shown = call(run, "actions", "tools").output
    for part in ("tracker: find-issue is not accepted", f"digest: {described.digest}", "close-issue is unavailable"):
        assert part in shown
    assert "\x1b" not in shown
