"""Commands for reviews, on the database of the tests."""

import asyncio
import re
from dataclasses import replace
from uuid import UUID, uuid4

from typer.testing import CliRunner, Result

from app.cli import app
from app.cli.common import actor
from app.cli.review import app as review
from app.core.clock import ManualClock
from app.core.embedded import Urls
from app.review.domain.case_candidate import CaseCandidateNotFound
from app.review.domain.items import LeaseLost
from app.settings import Settings
from app.wiring import State, build
from tests.cli.test_costs_and_version import run
from tests.review.conftest import Desk

__all__ = ["run"]


def queued(urls: Urls, settings: Settings, name: str, **options: object) -> UUID:
    async def go() -> UUID:
        async with build(settings, urls) as state:
            return (await _desk(state, await state.identity.ensure_tenant(name)).queue(**options)).id

    return asyncio.run(go())


def _desk(state: State, tenant: UUID) -> Desk:
    return Desk(state, tenant, ManualClock(), replace(state.reviews, clock=ManualClock()))


def call(run: CliRunner, *arguments: str) -> Result:
    return run.invoke(app, list(arguments))


def test_from_the_list_to_the_decision(run: CliRunner, database_urls: Urls, settings: Settings) -> None:
    name = f"desk-{uuid4()}"
    item = queued(database_urls, settings, name)
    assert str(item)[:8] in call(run, "review", "list", "--tenant", name).output
    shown = call(run, "review", "next", "--tenant", name).output
    for part in (
        "When does the gate open?",
        "The gate opens at seven [1].",
        "Harbour rules",
        "opens the gate at seven.",
    ):
        assert part in shown
    assert "Rule all (before delivery" in shown
    found = re.search(r"--token (\d+) --sha256 (\w+)", shown)
    assert found
    decision = ["review", "decide", str(item), "approve", "--reason", "fine", "--tenant", name, "--sha256", found[2]]
    late = call(run, *decision, "--token", "99")
    assert isinstance(late.exception, LeaseLost)
    assert "approved" in call(run, *decision, "--token", found[1]).output
    assert call(run, "review", "next", "--tenant", name).exit_code == 3
    assert "0 of 0" in call(run, "review", "agreement", "--tenant", name).output


def test_the_asker_gets_no_item_to_review(run: CliRunner, database_urls: Urls, settings: Settings) -> None:
    name = f"desk-{uuid4()}"
    queued(database_urls, settings, name, asker=actor())
    assert call(run, "review", "next", "--tenant", name).exit_code == 3


def test_corrections_are_listed_and_an_unknown_item_is_refused(
    run: CliRunner, database_urls: Urls, settings: Settings
) -> None:
    name = f"desk-{uuid4()}"
    item = queued(database_urls, settings, name)
    shown = call(run, "review", "next", "--tenant", name).output
    found = re.search(r"--token (\d+) --sha256 (\w+)", shown)
    assert found
    seen = ["--token", found[1], "--sha256", found[2], "--tenant", name]
    call(run, "review", "decide", str(item), "reject", "--reason", "wrong", *seen)
    assert "rejected" in call(run, "evals", "candidates", "--tenant", name).output
    unknown = call(run, "evals", "accept", str(uuid4()), "--tenant", name)
    assert isinstance(unknown.exception, CaseCandidateNotFound)


async def two_looks(state: State, name: str, decided: bool) -> None:
    """The first of two reviews of an answer, claimed or decided."""
    desk = _desk(state, await state.identity.ensure_tenant(name))
    item = await desk.queue(overlap=1.0)
    ana = desk.person("ana")
    if decided:
        await desk.decide(ana, item, "reject")
    else:
        await desk.reviews.queue.claim(ana, item.id)


def test_no_command_shows_a_second_reviewer_the_decision_of_the_first(
    run: CliRunner, database_urls: Urls, settings: Settings
) -> None:
    assert {
        command.name or command.callback.__name__ for command in review.registered_commands if command.callback
    } == {
        "list",
        "next",
        "decide",
        "agreement",
    }, "a new command must not tell either"
    told = []
    for decided in (False, True):
        name = f"looks-{uuid4().hex}"

        async def go(name: str = name, decided: bool = decided) -> None:
            async with build(settings, database_urls) as state:
                await two_looks(state, name, decided)

        asyncio.run(go())
        mine = ["--tenant", name]
        listed = [call(run, "review", "list", "--state", each, *mine).stdout for each in ("open", "decided", "expired")]
        other = [call(run, "review", "agreement", *mine).stdout, call(run, "evals", "candidates", *mine).stdout]
        claimed = call(run, "review", "next", *mine).stdout
        told.append([re.sub(r"[0-9a-f-]{8,}|\d+", "N", text) for text in (*listed, *other, claimed)])
    assert told[0] == told[1]
