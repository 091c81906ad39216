"""The command line validates its input as the API does: one sentence, and an exit status other than 0."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from app import cli
from app.cli import app
from app.cli.ingest import files_in
from app.core.errors import Problem, StartRefused
from app.ingestion.domain.documents import UnsafeName, check_name, check_uri
from tests.conftest import ROOT

pytestmark = pytest.mark.slow

HALF = os.fsdecode(b"a\xff")


def commands() -> list[list[str]]:
    def below(command: typer.core.TyperGroup, path: list[str]) -> list[list[str]]:
        found = []
        for name, each in command.commands.items():
            inner = below(each, [*path, name]) if isinstance(each, typer.core.TyperGroup) else [[*path, name]]
            found += inner
        return found

    door = typer.main.get_command(app)
    assert isinstance(door, typer.core.TyperGroup)
    return below(door, [])


@pytest.mark.parametrize("path", commands(), ids=" ".join)
@pytest.mark.parametrize("given", [HALF, "a\0b"])
def test_no_command_accepts_text_that_cannot_be_stored(path: list[str], given: str) -> None:
    for arguments in ([*path, given], [*path, "--reason", given], [*path, f"--name={given}"]):
        done = CliRunner().invoke(app, arguments)
        assert isinstance(done.exception, StartRefused)
        assert "cannot be stored" in str(done.exception)


@pytest.mark.skipif(sys.platform == "win32", reason="arguments are text there")
def test_an_error_is_one_sentence_without_a_traceback() -> None:
    done = subprocess.run([sys.executable, "-m", "app", "ask", b"a\xff"], cwd=ROOT, capture_output=True, check=False)
    said = done.stderr.decode()
    assert done.returncode not in (0, None)
    assert said.startswith("app: ")
    assert "cannot be stored" in said
    assert len(said.strip().splitlines()) == 1


class Unspeakable(Problem):
    def __str__(self) -> str:
        raise RuntimeError


class Base(BaseException):
    pass


@pytest.mark.parametrize("error", [Unspeakable(), Problem("a\ud800"), RuntimeError("\ud800"), Base(), MemoryError()])
def test_every_exception_is_printed_as_one_sentence(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setattr(cli, "app", fail)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert str(ended.value.code).startswith("app: ")
    assert str(ended.value.code).encode()


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="file names are text there")
def test_a_file_whose_name_is_not_valid_text_is_refused_alone(tmp_path: Path) -> None:
    (tmp_path / "good.txt").write_text("words")
    (tmp_path / HALF).write_text("words")
    found = {each.uri: each for each in files_in([tmp_path])}
    assert set(found) == {"good.txt", HALF}
    for check in (check_name, check_uri):
        with pytest.raises(UnsafeName):
            check(HALF)
        assert check("good.txt") == "good.txt"
