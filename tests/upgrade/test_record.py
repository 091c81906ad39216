"""What a service knows of its template, and what is done where it knows less."""

import json
import sys
from pathlib import Path

import pytest

from tests.baking import TEMPLATE, run
from tests.upgrade.small_template import FOLDER, SmallTemplate, commit, generate, git, upgrade, write

SCRIPT = TEMPLATE / "scripts" / "upgrade"


def test_a_new_service_records_template_commit_and_answers(project: Path, template: SmallTemplate) -> None:
    record = json.loads((project / ".template.json").read_text(encoding="utf-8"))
    assert record["template"] == str(template.folder)
    assert record["commit"] == git(template.folder, "rev-parse", "HEAD")
    assert record["context"]["cookiecutter"]["project_name"] == "L'Équipe"
    assert not [name for name in record["context"]["cookiecutter"] if name.startswith("_")]


def test_a_template_in_a_relative_folder_is_recorded_with_its_place(
    home: Path, template: SmallTemplate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(home)
    monkeypatch.setenv("PWD", str(home))
    command = [sys.executable, "-m", "cookiecutter", "template", "--no-input", "--output-dir", "out"]
    assert run(command, home).returncode == 0
    record = json.loads((home / "out" / "small" / ".template.json").read_text(encoding="utf-8"))
    assert record["template"] == str(template.folder)
    assert record["commit"] == git(template.folder, "rev-parse", "HEAD")


def test_a_service_of_a_changed_template_records_no_commit(home: Path, template: SmallTemplate) -> None:
    write(template.folder / FOLDER / "app" / "uncommitted.py", "")
    record = json.loads((generate(template.folder, home / "s") / ".template.json").read_text(encoding="utf-8"))
    assert record["commit"] is None


def test_the_address_of_a_clone_is_recorded_without_the_password(home: Path, template: SmallTemplate) -> None:
    git(template.folder, "remote", "add", "origin", "https://ada:secret@git.example.com/t.git")
    text = (generate(template.folder, home / "s") / ".template.json").read_text(encoding="utf-8")
    assert json.loads(text)["template"] == "https://git.example.com/t.git"
    git(template.folder, "remote", "set-url", "origin", "ssh://git:secret@git.example.com:22/t.git")
    text = (generate(template.folder, home / "s2") / ".template.json").read_text(encoding="utf-8")
    assert json.loads(text)["template"] == "ssh://git@git.example.com:22/t.git"


def test_a_service_made_by_cruft_is_upgraded_and_cruft_can_go_on(home: Path, template: SmallTemplate) -> None:
    command = [sys.executable, "-m", "cruft", "create", str(template.folder), "--no-input"]
    assert run(command, home).returncode == 0
    project = home / "small"
    commit(project, "keep the link to the template")
    reached = template.commit("second", {"docs/guide.md": "# Guide\n"})
    done = upgrade(project)
    assert done.returncode == 0, done.stdout
    assert json.loads((project / ".cruft.json").read_text(encoding="utf-8"))["commit"] == reached
    assert run([sys.executable, "-m", "cruft", "check"], project).returncode == 0
    assert "nothing to do" in upgrade(project).stdout


def test_a_service_without_a_record_is_matched_with_the_commit_that_it_equals(
    home: Path, template: SmallTemplate
) -> None:
    project = generate(template.folder, home / "s", project_name="Old")
    git(project, "rm", "--quiet", ".template.json")
    git(project, "commit", "--quiet", "--amend", "--no-edit")
    template.commit("second", {"app/answers.py": "def answer(question: str) -> str:\n    return ''\n"})
    reached = template.commit("third", {"docs/guide.md": "# Guide\n"})
    write(home / "answers.json", json.dumps({"cookiecutter": {"project_name": "Old"}}))
    options = ("--root", str(project), "--template", "../../template", "--answers", str(home / "answers.json"))
    done = upgrade(project, *options, script=template.folder / FOLDER / "scripts" / "upgrade")
    assert done.returncode == 0, done.stdout
    record = json.loads((project / ".template.json").read_text(encoding="utf-8"))
    assert record["commit"] == reached
    assert record["template"] == str(template.folder)  # which says the same in any folder
    assert (project / "docs/guide.md").read_text(encoding="utf-8") == "# Guide\n"


def test_a_shallow_clone_says_what_it_lacks_and_is_deepened_where_its_origin_answers(
    home: Path, project: Path, template: SmallTemplate
) -> None:
    template.commit("second", {"docs/guide.md": "# Guide\n"})
    git(home, "clone", "--quiet", "--depth", "1", f"file://{template.folder}", "shallow")
    git(home / "shallow", "remote", "set-url", "origin", str(home / "gone"))
    done = upgrade(project, "--dry-run", "--template", str(home / "shallow"))
    assert done.returncode == 1
    assert "run `git fetch --unshallow --tags` in it" in done.stdout
    git(home / "shallow", "remote", "set-url", "origin", f"file://{template.folder}")
    done = upgrade(project, "--template", str(home / "shallow"))
    assert done.returncode == 0, done.stdout


def test_an_earlier_version_can_be_named_and_an_older_one_is_refused(project: Path, template: SmallTemplate) -> None:
    git(template.folder, "tag", "v0.1.0")
    template.commit("second", {"docs/guide.md": "# Guide\n"})
    git(template.folder, "tag", "v0.2.0")
    template.commit("third", {"docs/guide.md": "# Guide\n\nOf the third.\n"})
    assert upgrade(project, "--to", "0.2.0").returncode == 0
    assert (project / "docs/guide.md").read_text(encoding="utf-8") == "# Guide\n"
    assert "nothing to do" in upgrade(project).stdout  # the newest release, not the newest commit
    assert "is older than" in upgrade(project, "--to", "v0.1.0").stdout
    assert "has no version, tag or commit 0.9.0" in upgrade(project, "--to", "0.9.0").stdout


def test_a_service_that_is_past_the_newest_release_has_nothing_to_do(home: Path, template: SmallTemplate) -> None:
    git(template.folder, "tag", "v0.1.0")
    template.commit("second", {"docs/guide.md": "# Guide\n"})
    project = generate(template.folder, home / "s")
    template.commit("third", {"docs/guide.md": "# Guide of the third\n"})
    done = upgrade(project, "--check")
    assert done.returncode == 0
    assert "after the newest release: nothing to do" in done.stdout


def test_a_release_of_the_original_does_not_take_away_what_a_fork_adds(home: Path, template: SmallTemplate) -> None:
    git(template.folder, "switch", "--quiet", "--create", "ours")
    template.commit("of the fork", {"policies/ours.yaml": "limit: 1\n"})
    project = generate(template.folder, home / "s")
    git(template.folder, "switch", "--quiet", "main")
    template.commit("second", {"docs/guide.md": "# Guide\n"})
    git(template.folder, "tag", "v0.2.0")
    git(template.folder, "switch", "--quiet", "ours")
    git(template.folder, "merge", "--quiet", "--no-edit", "main")
    done = upgrade(project)
    assert done.returncode == 0, done.stdout
    assert (project / "policies/ours.yaml").is_file()
    assert (project / "docs/guide.md").read_text(encoding="utf-8") == "# Guide\n"


@pytest.mark.parametrize("name", [".template.json", ".cruft.json"])
@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"[]",
        b'"text"',
        b"\xff\xfe",
        b'{"template": 1}',
        b'{"commit": ["a"]}',
        b'{"commit": "--all"}',
        b'{"version": {}}',
        b'{"context": "x"}',
        b'{"context": {"cookiecutter": []}}',
        b'{"context": {"cookiecutter": {"project_name": {"a": 1}}}}',
        b"[" * 200_000,
    ],
)
def test_a_record_that_is_none_is_refused_in_one_sentence(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    done = upgrade(tmp_path, "--root", str(tmp_path), script=SCRIPT)
    assert done.returncode == 1
    assert done.stdout.startswith(f"upgrade: {name} cannot be read (")
    assert done.stdout.count("\n") == 1
    named = upgrade(tmp_path, "--root", str(tmp_path), "--check", script=SCRIPT)
    assert named.stdout == done.stdout


@pytest.mark.parametrize("content", ["[]", "1", '{"cookiecutter": 1}', '{"project_name": ["a"]}'])
def test_answers_that_are_none_are_refused_in_one_sentence(
    project: Path, template: SmallTemplate, content: str
) -> None:
    template.commit("second", {"docs/guide.md": "# Guide\n"})
    write(project.parent / "answers.json", content)
    done = upgrade(project, "--answers", str(project.parent / "answers.json"))
    assert done.returncode == 1
    assert "answers.json holds no answers that can be read: " in done.stdout
    assert done.stdout.count("\n") == 1


def test_the_address_of_a_template_that_was_named_is_recorded_and_said(
    home: Path, project: Path, template: SmallTemplate
) -> None:
    def recorded() -> str:
        return str(json.loads((project / ".template.json").read_text(encoding="utf-8"))["template"])

    git(home, "clone", "--quiet", str(template.folder), "clone")
    git(home / "clone", "remote", "set-url", "origin", "https://ada:secret@git.example.com/t.git")
    moved = SmallTemplate(home / "clone")
    moved.commit("second", {"docs/guide.md": "# Guide\n"})
    done = upgrade(project, "--template", "../../clone")
    assert done.returncode == 0, done.stdout
    assert f"The template's address is now https://git.example.com/t.git; .template.json named {template.folder} " in (
        done.stdout
    )
    assert recorded() == "https://git.example.com/t.git"
    git(home / "clone", "remote", "remove", "origin")
    moved.commit("third", {"docs/guide.md": "# Guide of the third\n"})
    done = upgrade(project, "--template", "../../clone")
    assert done.returncode == 0, done.stdout
    assert recorded() == "https://git.example.com/t.git"  # which a folder of this machine does not replace
