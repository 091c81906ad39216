import asyncio
from uuid import uuid4

import pytest
from typer.testing import CliRunner

from app.cli import app
from app.cli.common import caller_at_the_command_line
from app.core.embedded import Urls
from app.inference.domain.answer import Answer, Question
from app.settings import Settings
from app.wiring import build
from tests.cli.test_costs_and_version import run

__all__ = ["run"]

NAME = f"tenant-{uuid4()}"


@pytest.fixture
def answered(database_urls: Urls, settings: Settings) -> Answer:
    async def ask() -> Answer:
        async with build(settings, database_urls) as state:
            caller = caller_at_the_command_line(await state.identity.ensure_tenant(NAME))
            answer = await state.answers.answer(caller, Question("Who keeps the light of Karlen?"))
            assert isinstance(answer, Answer)
            return answer

    return asyncio.run(ask())


def test_answers_are_listed_and_each_id_shows_the_others_with_the_cost(run: CliRunner, answered: Answer) -> None:
    listed = run.invoke(app, ["answers", "list", "--tenant", NAME, "--status", "refused"])
    assert (listed.exit_code, str(answered.id) in listed.output) == (0, True)
    none = run.invoke(app, ["answers", "list", "--tenant", NAME, "--status", "answered"])
    assert (none.exit_code, str(answered.id) in none.output) == (0, False)
    for reference in (str(answered.id), answered.trace_id):
        shown = run.invoke(app, ["answers", "show", reference])
        assert shown.exit_code == 0, shown.output
        for expected in (str(answered.id), answered.trace_id, answered.release_id, NAME, "0.000000 USD", "Karlen"):
            assert expected in shown.output
    missing = run.invoke(app, ["answers", "show", "no-such-id"])
    assert missing.exit_code != 0
    assert "Traceback" not in missing.output
