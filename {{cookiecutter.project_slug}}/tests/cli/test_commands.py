"""A command imports only what it needs, and the overview shows the help text of the command itself."""

from pathlib import Path

import pytest
import typer

from app.cli.commands import COMMANDS, load
from tests.cli.own_process import run_alone

EVERYTHING = 1414
"""The modules that each command imported before commands were loaded one by one."""


@pytest.mark.parametrize("arguments", [["--help"], ["version"], ["ingset"]], ids=" ".join)
def test_help_version_and_a_mistyped_command_import_less_than_a_third(tmp_path: Path, arguments: list[str]) -> None:
    _, loaded = run_alone(tmp_path, *arguments)
    assert not {"sqlalchemy", "fastapi", "psycopg", "app.wiring"} & loaded
    assert len(loaded) < EVERYTHING / 3


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_the_overview_is_that_of_the_command(name: str) -> None:
    command = load(name)
    first = (command.help or "").split("\n\n")[0]
    assert " ".join(first.split()) == COMMANDS[name].help
    assert isinstance(command, typer.core.TyperGroup) == COMMANDS[name].group
