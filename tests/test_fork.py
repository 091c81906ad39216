"""A platform team's fork follows docs/fork.md word for word: it is made, baked from, and merged with the template."""

import hashlib
import os
import re
import shutil
import sys
from pathlib import Path

import pytest

from tests.baking import REPOSITORY, TEMPLATE, bake, files, run
from tests.test_tutorial import BLOCK, clone

__all__ = ["clone"]
pytestmark = pytest.mark.skipif((REPOSITORY / "FORK.md").exists(), reason="this is a fork")

GUIDE = (REPOSITORY / "docs" / "fork.md").read_text(encoding="utf-8")
SECTION = re.compile(r"^## (\d)\. ", re.M)
FILE = re.compile(r"^`([^`\n]+)`:\n\n```\w+\n(.*?)^```$", re.M | re.S)
NOTES = {
    "app/extensions/__init__.py": "37949c048a2fcf9c7d1e70c002b84602f23e39763fe994484cb34af8106cc272",
    "migrations/extensions/README.txt": "0fa6a79127799bba0914a94144ee6eb578199f1f07adfc0f158f9cabdbb9de0f",
    "policies/extensions/README.txt": "5e591cc2d45abaf4648ae8f592c5951d27d485832fd3019c2b042aa327112109",
    "prompts/extensions/README.txt": "ef0c18e240ebd8e6451523c180e981aee276341e20f1014a774b3d0306470d3c",
}
"""What the template has in the places of a team, by SHA-256."""


def section(number: int) -> str:
    parts = SECTION.split(GUIDE)
    return parts[parts.index(str(number)) + 1]


class Reader:
    """Follows the guide in the folder where its last block ended. home: of the reader, with its settings of git."""

    def __init__(self, home: Path, upstream: Path) -> None:
        self.home, self.folder = home, home / "work"
        self.folder.mkdir()
        self.environment = {
            "HOME": str(home),
            "GIT_CONFIG_NOSYSTEM": "1",
            "UPSTREAM": str(upstream),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        }
        for name, value in (("user.name", "Ada"), ("user.email", "ada@example.com"), ("init.defaultBranch", "main")):
            self.run(f"git config --global {name} {value}")

    def follow(self, number: int) -> None:
        """Write the files of a section, then run its commands."""
        for path, text in FILE.findall(section(number)):
            file = self.folder / path
            assert not file.exists(), f"{path} is the template's"
            file.write_text(text, encoding="utf-8")
        for block in BLOCK.finditer(section(number)):
            if block["language"] == "sh" and not block["not_run"]:
                self.run(block["text"])

    def run(self, text: str, folder: Path | None = None) -> str:
        script = f"set -eu\n{text}\npwd > '{self.home}/.pwd'"
        done = run(["bash", "-c", script], folder or self.folder, **self.environment)
        assert done.returncode == 0, f"{text}\n{done.stdout}"
        if folder is None:
            self.folder = Path((self.home / ".pwd").read_text(encoding="utf-8").strip())
        return done.stdout


@pytest.fixture
def reader(tmp_path: Path, clone: Path) -> Reader:
    """A reader of the guide. The template is a repository of its own, so that it can move on."""
    there = Reader(tmp_path, clone)
    there.run("git init --quiet; git add --all; git commit --quiet -m 'The template'", clone)
    return there


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def content(project: Path) -> dict[str, bytes]:
    return {name: (project / name).read_bytes() for name in files(project)}


def test_a_fork_is_made_baked_and_merged_with_what_came_upstream(reader: Reader, clone: Path) -> None:
    for number in range(1, 6):
        reader.follow(number)
    first, again, merged = (reader.home / "work" / name for name in ("baked", "again", "merged"))
    first, again = first / "handbook-answers", again / "handbook-answers"
    assert "Lighthouse Platform" in (first / "policies" / "ownership.yaml").read_text(encoding="utf-8")
    assert (first / ".gitlab-ci.yml").exists()
    policy = (first / "policies" / "extensions" / "security.yaml").read_text(encoding="utf-8")
    assert policy == 'confidential_hosts: ["models.lighthouse.example"]\n'
    assert content(again) == content(first)

    theirs = clone / TEMPLATE.name
    edit(theirs / "policies" / "slo.yaml", "answer_p95_ms:", "# theirs\nanswer_p95_ms:")
    edit(clone / "cookiecutter.json", '"p95_latency_ms": "3000"', '"p95_latency_ms": "2500"')
    (theirs / "app" / "worker.py").rename(theirs / "app" / "labour.py")
    reader.run("git add --all; git commit --quiet -m 'The template moves on'", clone)
    reader.follow(6)
    project = merged / "handbook-answers"
    slo = (project / "policies" / "slo.yaml").read_text(encoding="utf-8")
    assert "# theirs" in slo
    assert "2500" in slo
    assert "Lighthouse Platform" in (project / "policies" / "ownership.yaml").read_text(encoding="utf-8")
    assert (project / "policies" / "extensions" / "security.yaml").read_text(encoding="utf-8") == policy
    assert (project / "app" / "labour.py").exists()
    assert not (project / "app" / "worker.py").exists()
    assert (project / "app" / "extensions" / "permissions.py").exists()


def test_a_replay_of_a_recorded_answers_file_gives_the_same_bytes(tmp_path: Path) -> None:
    first = bake(tmp_path / "first", project_name='L\'Équipe "Savoir"', risk_tier="high", ci_provider="none").project
    [recorded] = tmp_path.glob("first.config.json.replay/*.json")
    kept = shutil.copy(recorded, tmp_path / "answers.json")
    second = bake(tmp_path / "second", "--replay-file", str(kept)).project
    assert first.name == second.name == "l-equipe-savoir"
    assert content(first) == content(second)


def test_the_template_has_one_note_in_each_place_of_a_team_and_never_changes_it() -> None:
    """When this fails, an update would touch what it promises to leave alone."""
    found = {
        path.relative_to(TEMPLATE).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for place in ("app", "migrations", "policies", "prompts")
        for path in (TEMPLATE / place / "extensions").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert found == NOTES
