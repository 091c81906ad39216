"""`app ask` prints a readable answer and has an exit status for scripts."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from app.cli import app
from tests.cli.test_ingest import Ingest, run, tenant

__all__ = ["run", "tenant"]


@pytest.fixture
def asked(run: Ingest, tmp_path: Path) -> Ingest:
    (tmp_path / "lamps.md").write_text("# Lamps\n\nThe lamp of the harbour is lit at dusk by the keeper.\n")
    run(tmp_path)
    return run


def ask(ingested: Ingest, question: str, *more: str) -> Result:
    return CliRunner().invoke(app, ["ask", question, "--tenant", ingested.tenant, *more])


def test_an_answer_has_its_citation_model_cost_and_times(asked: Ingest) -> None:
    result = ask(asked, "When is the harbour lamp lit?")
    assert result.exit_code == 0
    assert "lit at dusk" in result.stdout
    assert "[1] " in result.stdout
    assert "lamps.md, characters" in result.stdout
    assert "By extractive, 0.000000 USD" in result.stderr
    assert "evidence" in result.stderr


def test_a_refusal_ends_with_status_3(asked: Ingest) -> None:
    result = ask(asked, "Who won the football cup in Oslo?")
    assert result.exit_code == 3
    assert "documents" in result.stdout


def test_a_model_that_is_not_there_is_named(asked: Ingest) -> None:
    result = ask(asked, "When is the lamp lit?", "--model", "gpt-9")
    assert result.exit_code != 0
    assert "gpt-9" in str(result.exception)


def test_an_action_that_is_not_there_is_named(asked: Ingest) -> None:
    result = ask(asked, "When is the lamp lit?", "--action", "open_the_safe")
    assert result.exit_code != 0
    assert "open_the_safe" in str(result.exception)


def test_without_a_model_no_action_runs_and_the_output_says_so(asked: Ingest) -> None:
    result = ask(asked, "When is the harbour lamp lit?", "--action", "look_up_ticket")
    assert result.exit_code == 0
    assert "no model to propose them" in result.stderr


def test_a_trial_runs_no_action(asked: Ingest) -> None:
    result = ask(asked, "When is the lamp lit?", "--action", "look_up_ticket", "--release", "files")
    assert result.exit_code == 2
    assert "a trial does nothing but answer" in result.stderr


def test_a_question_continues_a_conversation(asked: Ingest) -> None:
    ask(asked, "When is the harbour lamp lit?", "--conversation", "mine")
    result = ask(asked, "And who does it?", "--conversation", "mine")
    assert "Searched for:" in result.stderr
    assert "harbour" in result.stderr
    assert "Searched for:" not in ask(asked, "And who does it?", "--conversation", "another").stderr


def test_a_trial_is_no_turn_of_a_conversation(asked: Ingest) -> None:
    result = ask(asked, "When is the lamp lit?", "--conversation", "mine", "--release", "files")
    assert result.exit_code == 2
    assert "no turn of a conversation" in result.stderr
