"""The map of a prototype at the command line."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli import app
from app.core.errors import Invalid
from app.governance.service.prototype_reader import PrototypeUnreadable


@pytest.fixture
def prototype(tmp_path: Path) -> Path:
    (tmp_path / "bot").mkdir()
    (tmp_path / "bot" / "[red]a.py").write_text("import os\nos.remove(path)\neval(x)\n")
    return tmp_path / "bot"


def test_the_map_goes_to_standard_output_as_it_is(prototype: Path) -> None:
    done = CliRunner().invoke(app, ["adopt", str(prototype)])
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("# Map of the prototype bot\n")
    assert r"| \[red\]a.py:3 | eval() runs text as code |" in done.stdout


def test_a_map_in_a_file_is_counted_on_one_line(prototype: Path, tmp_path: Path) -> None:
    target = tmp_path / "[bold]map[/].md"
    done = CliRunner().invoke(app, ["adopt", str(prototype), "--out", str(tmp_path / "map.md")])
    assert done.stdout.endswith("map.md: 1 files, 2 fragile places, 1 workflows to classify.\n")
    target.parent.mkdir(parents=True)
    marked = CliRunner().invoke(app, ["adopt", str(prototype), "--out", str(target)])
    assert f"Written to {target}:" in marked.stdout
    assert target.read_bytes() == (tmp_path / "map.md").read_bytes()


@pytest.mark.parametrize(
    ("target", "reason"), [("nowhere/map.md", "No such file or directory"), (".", "Is a directory")]
)
def test_a_map_that_cannot_be_written_is_refused_with_the_reason(
    prototype: Path, tmp_path: Path, target: str, reason: str
) -> None:
    refused = CliRunner().invoke(app, ["adopt", str(prototype), "--out", str(tmp_path / target)])
    assert isinstance(refused.exception, Invalid)
    assert refused.exception.detail == f"{tmp_path / target} cannot be written: {reason}."


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    refused = CliRunner().invoke(app, ["adopt", str(tmp_path / "nothing")])
    assert isinstance(refused.exception, PrototypeUnreadable)
    assert refused.exception.code == "prototype_unreadable"
    assert not (tmp_path / "nothing").exists()
