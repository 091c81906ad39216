"""A command imports only what it needs, and the overview shows the help text of the command itself."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from app.cli.commands import COMMANDS, load
from tests.conftest import ROOT

EVERYTHING = 1414
"""The modules that each command imported before commands were loaded one by one."""


def modules_loaded(folder: Path, *arguments: str) -> set[str]:
    """The modules that a process of `app` has loaded when it ends."""
    code = (
        "import atexit, sys\n"
        "atexit.register(lambda: open('modules', 'w').write('\\n'.join(sys.modules)))\n"
        f"sys.argv = ['app', *{list(arguments)!r}]\n"
        "from app.__main__ import main\n"
        "main()"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("APP_", "DATABASE_"))}
    environment |= {"PYTHONPATH": str(ROOT), "APP_ROOT": str(ROOT)}
    subprocess.run([sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True)
    return set((folder / "modules").read_text(encoding="utf-8").split("\n"))


@pytest.mark.parametrize("arguments", [["--help"], ["version"], ["ingset"]], ids=" ".join)
def test_help_version_and_a_mistyped_command_import_less_than_a_third(tmp_path: Path, arguments: list[str]) -> None:
    loaded = modules_loaded(tmp_path, *arguments)
    assert not {"sqlalchemy", "fastapi", "psycopg", "app.wiring"} & loaded
    assert len(loaded) < EVERYTHING / 3


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_the_overview_is_that_of_the_command(name: str) -> None:
    command = load(name)
    first = (command.help or "").split("\n\n")[0]
    assert " ".join(first.split()) == COMMANDS[name].help
    assert isinstance(command, typer.core.TyperGroup) == COMMANDS[name].group
