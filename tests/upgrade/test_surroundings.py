"""Settings and states of git and of the machine that are not ours: an upgrade works there, or says one sentence."""

import os
import sys
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.baking import run
from tests.upgrade.small_template import SmallTemplate, commit, edit, generate, git, state, upgrade, write

SECOND = {"docs/guide.md": "# Guide\n\nOne, theirs.\n\nTwo.\n\nThree.\n"}


def upgrade_with(project: Path, *words: str, **environment: str) -> "CompletedProcess[str]":
    return run([sys.executable, str(project / "scripts" / "upgrade"), *words], project, **environment)


def is_one_sentence(done: "CompletedProcess[str]") -> bool:
    return done.returncode == 1 and done.stdout.startswith("upgrade: ") and done.stdout.count("\n") == 1


def test_settings_of_git_that_change_how_it_merges_and_shows_do_no_harm(conflict: Path) -> None:
    for name, value in (
        ("merge.conflictStyle", "zdiff3"),
        ("merge.verifySignatures", "true"),
        ("merge.ff", "only"),
        ("core.autocrlf", "true"),
        ("color.ui", "always"),
        ("status.branch", "true"),
        ("status.showUntrackedFiles", "no"),
        ("diff.noprefix", "true"),
        ("diff.external", "false"),
    ):
        git(conflict, "config", name, value)
    done = upgrade(conflict)
    assert "docs/guide.md: both sides changed the same lines" in done.stdout, done.stdout
    git(conflict, "add", "docs/guide.md")
    assert "docs/guide.md holds conflict markers" in upgrade(conflict, "--continue").stdout
    write(conflict / "docs/guide.md", "# Guide\n\nOne.\n\nTwo, of both.\n\nThree.\n")
    git(conflict, "add", "docs/guide.md")
    done = upgrade(conflict, "--continue")
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("kind", ["hook", "signature", "name"])
def test_a_commit_that_git_refuses_can_be_made_later_or_undone(
    project: Path, template: SmallTemplate, kind: str
) -> None:
    if kind == "hook":
        hook = project / ".git" / "hooks" / "pre-commit"
        write(hook, "#!/bin/sh\necho 'our hook refuses'\nexit 1\n")
        hook.chmod(0o755)
    if kind == "signature":
        git(project, "config", "commit.gpgsign", "true")
        git(project, "config", "gpg.program", "false")
    if kind == "name":
        git(project, "config", "user.useConfigOnly", "true")
        git(project, "config", "--global", "--unset", "user.name")
        git(project, "config", "--global", "--unset", "user.email")
    template_commit(template)
    before = state(project)
    done = upgrade(project)
    assert done.returncode == 1
    assert "upgrade: git did not commit (" in done.stdout
    assert "mend that, then run --continue, or --abort.\n" in done.stdout
    assert upgrade(project, "--abort").returncode == 0
    assert state(project) == before
    upgrade(project)
    for name, value in (("commit.gpgsign", "false"), ("user.name", "Ada"), ("user.email", "ada@example.com")):
        git(project, "config", name, value)
    (project / ".git" / "hooks" / "pre-commit").unlink(missing_ok=True)
    done = upgrade(project, "--continue")
    assert done.returncode == 0, done.stdout
    assert "One, theirs." in (project / "docs/guide.md").read_text(encoding="utf-8")


def template_commit(template: SmallTemplate) -> None:
    """By somebody, whoever this machine knows."""
    write(template.folder / "{{cookiecutter.project_slug}}" / "docs/guide.md", SECOND["docs/guide.md"])
    who = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com")
    git(template.folder, *who, "commit", "--quiet", "--all", "--message", "second")


def test_hooks_see_the_commit_and_none_of_the_steps_before_it(project: Path, template: SmallTemplate) -> None:
    for name in ("post-checkout", "post-merge", "pre-merge-commit"):
        hook = project / ".git" / "hooks" / name
        write(hook, "#!/bin/sh\nexit 1\n")
        hook.chmod(0o755)
    template.commit("second", SECOND)
    done = upgrade(project)
    assert done.returncode == 0, done.stdout


def test_an_upgrade_from_a_hook_of_another_repository_stays_in_its_own(
    home: Path, project: Path, template: SmallTemplate
) -> None:
    other = home / "other"
    write(other / "note.txt", "theirs\n")
    git(other, "init", "--quiet")
    commit(other, "first")
    before = git(other, "for-each-ref")
    template.commit("second", SECOND)
    pointers = {"GIT_DIR": ".git", "GIT_WORK_TREE": ".", "GIT_INDEX_FILE": ".git/index", "GIT_NAMESPACE": "x"}
    there = {name: str(other / value) for name, value in pointers.items()}
    done = upgrade_with(project, **there, GIT_QUARANTINE_PATH=str(other / ".git" / "objects"))
    assert done.returncode == 0, done.stdout
    assert git(other, "for-each-ref") == before
    assert git(other, "status", "--porcelain") == ""


def test_a_repository_of_another_user_is_named_as_git_names_it(project: Path) -> None:
    done = upgrade_with(project, GIT_TEST_ASSUME_DIFFERENT_OWNER="1")
    assert is_one_sentence(done), done.stdout
    assert "git config --global --add safe.directory" in done.stdout


def test_without_git_or_without_a_commit_one_sentence_says_so(home: Path, project: Path) -> None:
    assert is_one_sentence(upgrade_with(project, PATH=str(home)))
    write(project / "new" / "scripts" / "kept.txt", "")
    inside = project / "new"
    git(inside, "init", "--quiet")
    done = run([sys.executable, str(project / "scripts" / "upgrade"), "--root", str(inside)], inside)
    assert is_one_sentence(done), done.stdout
    assert "no git repository with a commit" in done.stdout


def test_a_folder_that_an_outer_repository_ignores_is_no_repository(home: Path, project: Path) -> None:
    outer = home / "outer"
    write(outer / ".gitignore", "services/\n")
    git(outer, "init", "--quiet")
    commit(outer, "first")
    (project / ".git").rename(home / "set-aside")
    (outer / "services").mkdir()
    inside = project.rename(outer / "services" / "small")
    done = upgrade(inside)
    assert is_one_sentence(done), done.stdout


def test_what_git_has_under_way_is_finished_first(conflict: Path) -> None:
    git(conflict, "switch", "--quiet", "--create", "side", "HEAD^")
    write(conflict / "docs/other.md", "side\n")
    commit(conflict, "side")
    git(conflict, "merge", "--quiet", "--no-commit", "--no-ff", "--strategy", "ours", "main")
    before = state(conflict)
    done = upgrade(conflict)
    assert is_one_sentence(done), done.stdout
    assert "a merge is under way here" in done.stdout
    assert state(conflict) == before


def test_a_path_with_blanks_a_work_tree_of_its_own_and_no_branch(home: Path, template: SmallTemplate) -> None:
    project = generate(template.folder, home / "Dienste für Zoë")
    edit(project / "docs/guide.md", "Three.", "Three, ours.")
    (project / "docs/link").symlink_to("nowhere")
    (project / "docs/model.bin").write_bytes(os.urandom(3_000_000))
    write(project / "scripts/own.sh", "#!/bin/sh\n")
    (project / "scripts/own.sh").chmod(0o755)
    commit(project, "ours")
    beside = home / "ein Baum"
    git(project, "worktree", "add", "--quiet", "--detach", str(beside))
    head = git(beside, "rev-parse", "HEAD")
    template.commit("second", {"docs/guide.md": "# Guide\n\nOne.\n\nTwo.\n\nThree, theirs.\n"})
    assert upgrade(beside).returncode == 1
    assert upgrade(beside, "--abort").stdout.startswith(f"Back on {head}")
    assert git(beside, "status", "--porcelain", "--branch").splitlines() == ["## HEAD (no branch)"]
    upgrade(beside)
    write(beside / "docs/guide.md", "# Guide\n\nOne.\n\nTwo.\n\nThree, of both.\n")
    git(beside, "add", "docs/guide.md")
    done = upgrade(beside, "--continue")
    assert done.returncode == 0, done.stdout
    assert (beside / "docs/link").is_symlink()
    assert git(beside, "ls-files", "--stage", "scripts/own.sh").startswith("100755")
    assert git(project, "rev-parse", "main") == head


def test_a_service_with_a_submodule_is_upgraded(home: Path, project: Path, template: SmallTemplate) -> None:
    other = home / "other"
    write(other / "app" / "lib.py", "import app.nothing\n")
    git(other, "init", "--quiet")
    commit(other, "first")
    git(project, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(other), "vendored")
    commit(project, "ours")
    template.commit("second", SECOND)
    done = upgrade(project)
    assert done.returncode == 0, done.stdout
    assert (project / "vendored" / "app" / "lib.py").is_file()
    assert git(project, "status", "--porcelain") == ""
