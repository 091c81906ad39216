"""An upgrade that dies, or meets another one: `--abort` leads back from every step, `--continue` claims nothing."""

import os
import shutil
import stat
import sys
import threading
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.baking import run
from tests.upgrade.small_template import git, state, upgrade, write

# A git that ends the upgrade without a chance to tidy up, after the nth command that changes something.
DEADLY = """#!{python}
import os, signal, subprocess, sys
done = subprocess.run([{git!r}, *sys.argv[1:]])
words = [word for word in sys.argv[1:] if not word.startswith("-") and "=" not in word]
if words and words[0] in ("branch", "checkout", "update-ref", "merge", "reset", "commit"):
    with open({count!r}, "a") as count:
        count.write("x")
    if os.path.getsize({count!r}) == int(os.environ["DIES_AFTER"]):
        os.kill(os.getppid(), signal.SIGKILL)
sys.exit(done.returncode)
"""
BRANCHED, SWITCHED, BASED, MERGED, RESTORED = 1, 2, 3, 5, 7


@pytest.fixture
def deadly(home: Path) -> Path:
    """A folder for the front of the path."""
    folder = home / "deadly"
    text = DEADLY.format(python=sys.executable, git=shutil.which("git"), count=str(home / "count"))
    write(folder / "git", text)
    (folder / "git").chmod((folder / "git").stat().st_mode | stat.S_IXUSR)
    return folder


def dies(project: Path, deadly: Path, step: int, *words: str) -> "CompletedProcess[str]":
    (deadly.parent / "count").unlink(missing_ok=True)
    script = str(project / "scripts" / "upgrade")
    path = f"{deadly}{os.pathsep}{os.environ['PATH']}"
    return run([sys.executable, script, *words], project, PATH=path, DIES_AFTER=str(step))


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")
def test_whatever_step_an_upgrade_dies_at_abort_leads_back(conflict: Path, deadly: Path) -> None:
    before, said = state(conflict), set()
    for step in (BRANCHED, SWITCHED, BASED, MERGED, RESTORED):
        assert dies(conflict, deadly, step).returncode != 0
        went_on = upgrade(conflict, "--continue")
        assert went_on.returncode == 1, f"after step {step}: {went_on.stdout}"
        assert "Merged" not in went_on.stdout
        assert "Traceback" not in went_on.stdout
        said.add(went_on.stdout.partition(":")[2].partition(":")[0].strip())
        if step == BRANCHED:  # the branch is there, and nothing is under way
            assert "exists" in upgrade(conflict).stdout
            git(conflict, "branch", "-D", git(conflict, "branch", "--list", "upgrade/*").strip())
        else:
            done = upgrade(conflict, "--abort")
            assert done.returncode == 0, f"after step {step}: {done.stdout}"
        assert state(conflict) == before, f"after step {step}"
    assert "the upgrade was cut off before its merge was done" in said


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")
def test_an_abort_that_dies_can_be_done_again(conflict: Path, deadly: Path) -> None:
    before = state(conflict)
    for step in (1, 3, 5):  # the branch is moved back, the old one is checked out, the branch is removed
        assert upgrade(conflict).returncode == 1
        dies(conflict, deadly, step, "--abort")
        done = upgrade(conflict, "--abort")
        assert done.returncode == 0 or "no upgrade is under way" in done.stdout, f"after step {step}: {done.stdout}"
        assert state(conflict) == before, f"after step {step}"


def test_of_two_upgrades_at_once_one_is_done_and_one_is_refused(conflict: Path) -> None:
    before, ended = state(conflict), []
    both = [threading.Thread(target=lambda: ended.append(upgrade(conflict))) for _ in range(2)]
    for each in both:
        each.start()
    for each in both:
        each.join()
    texts = sorted(("both sides changed" in done.stdout, done.stdout) for done in ended)
    assert [each[0] for each in texts] == [False, True], texts
    assert texts[0][1].count("\n") <= 2, texts[0][1]
    assert upgrade(conflict, "--abort").returncode == 0
    assert state(conflict) == before


def test_an_abort_says_nothing_is_as_before_where_a_merge_was_carried_to_another_branch(conflict: Path) -> None:
    before = state(conflict)
    assert upgrade(conflict).returncode == 1
    write(conflict / "docs/guide.md", "# Guide\n\nOne.\n\nTwo, of both.\n\nThree.\n")
    git(conflict, "add", "docs/guide.md")
    git(conflict, "switch", "--quiet", "-")  # of the same commit, so that git takes the merge along
    refused = upgrade(conflict, "--abort")
    assert refused.returncode == 1, refused.stdout
    assert "git switch upgrade/" in refused.stdout
    git(conflict, "switch", "--quiet", "-")
    assert upgrade(conflict, "--abort").returncode == 0
    assert state(conflict) == before
