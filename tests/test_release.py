"""A release has a ledger entry, passed tests and a changelog, or nothing is written; it runs here in a clone."""

import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from scripts.ledger import LEDGER, Refused, commit_of, dump, git, read
from scripts.release import CHANGELOG, FRAGMENTS, TESTED, fragments, note_tests, refusals, release
from tests.baking import REPOSITORY, run


@pytest.fixture
def ready(small: Path) -> Path:
    """The small template with all that a release needs."""
    write(small, ".gitignore", "build/\n")
    write(small, CHANGELOG, "# Changelog\n\n## Unreleased\n\n- Older.\n\n## 1.0.0\n\n- First.\n")
    (small / FRAGMENTS).mkdir()
    write(small, f"{FRAGMENTS}/README.md", "How.\n")
    write(small, f"{FRAGMENTS}/a-thing.md", "- A thing.\n\nBy hand: nothing.\n")
    commit(small)
    note_tests(small)
    return small


def commit(root: Path) -> None:
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--allow-empty", "--message", "A change")


def test_a_release_dates_the_entry_writes_the_changelog_commits_and_tags(ready: Path) -> None:
    assert list(refusals(ready)) == []
    assert release(ready) == "v1.0.1"
    newest, last = read(ready)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", newest["date"])
    assert (ready / CHANGELOG).read_text(encoding="utf-8") == (
        f"# Changelog\n\n## 1.0.1 ({newest['date']})\n\n- A thing.\n\nBy hand: nothing.\n\n- Older.\n\n"
        "## 1.0.0\n\n- First.\n"
    )
    assert fragments(ready) == []
    assert git(ready, "status", "--porcelain") == ""
    assert commit_of(ready, newest) == git(ready, "rev-parse", "HEAD").strip()
    with pytest.raises(Refused, match="has no entry for a new version"):
        release(ready)
    assert commit_of(ready, last) == last["commit"]


def write(root: Path, name: str, text: str) -> None:
    (root / name).write_text(text, encoding="utf-8")


def renumber(root: Path, **given: str) -> None:
    newest, last = read(root)
    write(root, LEDGER, dump([{**newest, **given}, last]))


UNREADY: dict[str, Callable[[Path], object]] = {
    "the tree has changes": lambda root: write(root, "new.md", "Not committed.\n"),
    "this commit has not passed its tests": lambda root: commit(root),
    "has no entry for a new version": lambda root: renumber(root, date="2026-01-02"),
    "1.1.0 after 1.0.0 is not a patch step": lambda root: renumber(root, version="1.1.0"),
    "the tag v1.0.1 is there already": lambda root: git(root, "tag", "v1.0.1"),
    "says nothing of this version": lambda root: (root / FRAGMENTS / "a-thing.md").unlink(),
    "one line says what owners have to do": lambda root: write(root, f"{FRAGMENTS}/a-thing.md", "- A thing.\n"),
    "a step by hand makes a version major": lambda root: write(root, f"{FRAGMENTS}/a-thing.md", "By hand: move it.\n"),
}


@pytest.mark.parametrize("said", UNREADY)
def test_a_release_that_is_not_ready_is_refused_and_writes_nothing(ready: Path, said: str) -> None:
    UNREADY[said](ready)
    if said not in ("the tree has changes", "this commit has not passed its tests"):
        commit(ready)
        note_tests(ready)
    before = state(ready)
    with pytest.raises(Refused, match=re.escape(said)) as refused:
        release(ready)
    assert "; " not in str(refused.value)
    assert state(ready) == before


def test_a_commit_that_a_hook_refuses_leaves_nothing_behind(ready: Path) -> None:
    hook = ready / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    hook.chmod(0o755)
    before = state(ready)
    with pytest.raises(Refused, match="git commit failed"):
        release(ready)
    assert state(ready) == before
    assert git(ready, "status", "--porcelain") == ""


def state(root: Path) -> tuple[str, ...]:
    return (git(root, "rev-parse", "HEAD"), git(root, "tag"), (root / CHANGELOG).read_text(encoding="utf-8"))


def test_tests_of_a_tree_with_changes_are_not_noted(ready: Path) -> None:
    (ready / TESTED).unlink()
    write(ready, "new.md", "Not committed.\n")
    note_tests(ready)
    assert not (ready / TESTED).exists()


def test_make_test_notes_that_it_passed_only_when_both_halves_did() -> None:
    planned = run(["make", "--dry-run", "test"], REPOSITORY).stdout
    assert "[ $service = 0 ] && [ $generator = 0 ] && .venv/bin/python -m scripts.release --note-tests" in planned
    assert "-m scripts.release\n" in run(["make", "--dry-run", "release"], REPOSITORY).stdout


def test_every_fragment_says_what_owners_have_to_do() -> None:
    for path in fragments(REPOSITORY):
        assert len(re.findall(r"^By hand: .+", path.read_text(encoding="utf-8"), re.MULTILINE)) == 1, path.name


def test_this_template_is_released_in_a_clone_and_the_next_version_is_opened(tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    git(REPOSITORY, "clone", "--quiet", str(REPOSITORY), str(clone))
    git(clone, "config", "user.name", "A")
    git(clone, "config", "user.email", "a@example.com")
    if not any(each.get("commit") and known(clone, each["commit"]) for each in read(clone)):
        pytest.skip("a shallow clone holds no commit of earlier versions")
    for name in ("scripts", FRAGMENTS):
        shutil.copytree(REPOSITORY / name, clone / name, dirs_exist_ok=True)
    write(clone, f"{FRAGMENTS}/a-thing.md", "- A thing.\n\nBy hand: nothing.\n")
    said(clone, "scripts.ledger")
    commit(clone)
    said(clone, "scripts.release", "--note-tests")
    version = read(clone)[0]["version"]
    assert said(clone, "scripts.release") == f"v{version} is tagged here: push the branch and the tag.\n"
    assert git(clone, "describe", "--tags").strip() == f"v{version}"
    moved = next((clone / "{{cookiecutter.project_slug}}" / "docs" / "how-to").glob("*.md"))
    git(clone, "mv", str(moved), str(moved.with_name("moved.md")))
    said(clone, "scripts.ledger")
    fresh, released = read(clone)[:2]
    assert released["commit"] == git(clone, "rev-parse", "HEAD").strip()
    assert fresh["date"] is None
    assert [each["to"] for each in fresh["renames"]] == ["docs/how-to/moved.md"]


def known(root: Path, commit: str) -> bool:
    return run(["git", "cat-file", "-e", f"{commit}^{{commit}}"], root).returncode == 0


def said(root: Path, module: str, *options: str) -> str:
    done = run([sys.executable, "-m", module, *options], root)
    assert done.returncode == 0, done.stdout
    return done.stdout
