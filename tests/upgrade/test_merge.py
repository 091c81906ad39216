"""A generated service follows its template: what both sides did is merged, and nothing is lost."""

import json
import shutil
from pathlib import Path

from tests.upgrade.small_template import FIRST, FOLDER, SmallTemplate, commit, edit, git, state, upgrade, write


def test_an_upgrade_brings_the_templates_changes_and_keeps_the_teams(project: Path, template: SmallTemplate) -> None:
    edit(project / "policies/cost.yaml", "budget_usd: 100", "budget_usd: 450")
    edit(project / "app/answers.py", "# line 3 of", "# line 3, ours, of")
    write(project / "app/house_style.py", "GREETING = 'Bonjour'\n")
    edit(project / "app/__main__.py", "from app.wiring", "from app.house_style import GREETING\nfrom app.wiring")
    before = commit(project, "ours")
    moved = (template.folder / FOLDER / "app/answers.py").read_text(encoding="utf-8")
    reached = template.commit(
        "second",
        {
            "app/answers.py": None,
            "app/inference/__init__.py": "",
            "app/inference/answering.py": moved.replace("# line 29 of", "# line 29, theirs, of"),
            "app/wiring.py": FIRST["app/wiring.py"].replace("app.answers", "app.inference.answering"),
            "policies/cost.yaml": FIRST["policies/cost.yaml"] + "max_usd: 5\n",
            ".env.example": "# APP_PORT=8000\n# APP_HOST=127.0.0.1\n",
        },
    )

    done = upgrade(project)

    assert done.returncode == 0, done.stdout
    assert "policies/cost.yaml: max_usd: 5" in done.stdout
    assert "setting APP_HOST=127.0.0.1" in done.stdout
    answering = (project / "app/inference/answering.py").read_text(encoding="utf-8")
    assert "# line 3, ours, of" in answering
    assert "# line 29, theirs, of" in answering
    assert not (project / "app/answers.py").exists()
    assert "budget_usd: 450" in (project / "policies/cost.yaml").read_text(encoding="utf-8")
    assert "max_usd: 5" in (project / "policies/cost.yaml").read_text(encoding="utf-8")
    assert json.loads((project / ".template.json").read_text(encoding="utf-8"))["commit"] == reached
    assert git(project, "symbolic-ref", "--short", "HEAD") == f"upgrade/{reached[:12]}"
    assert git(project, "rev-list", f"{before}..HEAD").count("\n") == 0
    assert git(project, "rev-parse", "HEAD^") == before
    assert git(project, "status", "--porcelain") == ""
    assert git(project, "for-each-ref", "--format=%(refname)", "refs/template*") == ""

    again = upgrade(project)
    assert again.returncode == 0
    assert "nothing to do" in again.stdout


def test_a_conflict_is_an_ordinary_marker_and_the_rest_is_finished_by_continue(conflict: Path) -> None:
    main = git(conflict, "rev-parse", "main")
    done = upgrade(conflict)
    assert done.returncode == 1
    assert "docs/guide.md: both sides changed the same lines" in done.stdout
    text = (conflict / "docs/guide.md").read_text(encoding="utf-8")
    assert "<<<<<<< HEAD\nTwo, and ours.\n=======\nTwo, and theirs.\n>>>>>>> template-" in text

    assert upgrade(conflict, "--continue").returncode == 1
    git(conflict, "add", "docs/guide.md")
    said = upgrade(conflict, "--continue")
    assert said.returncode == 1
    assert "docs/guide.md holds conflict markers" in said.stdout
    write(conflict / "docs/guide.md", "# Guide\n\nOne.\n\nTwo, of both.\n\nThree.\n")
    assert "docs/guide.md is changed and not staged" in upgrade(conflict, "--continue").stdout
    git(conflict, "add", "docs/guide.md")
    said = upgrade(conflict, "--continue")
    assert said.returncode == 0, said.stdout
    assert git(conflict, "rev-parse", "HEAD^") == main
    assert git(conflict, "status", "--porcelain") == ""
    assert "nothing to do" in upgrade(conflict).stdout


def test_abort_leaves_everything_as_before(conflict: Path) -> None:
    write(conflict / ".env", "APP_PORT=1\n")
    git(conflict, "switch", "--quiet", "--create", "docs")  # named like a folder
    before = state(conflict)
    assert upgrade(conflict).returncode == 1
    assert state(conflict) != before
    assert upgrade(conflict, "--abort").returncode == 0
    assert state(conflict) == before


def test_an_upgrade_is_finished_on_its_own_branch_only(project: Path, template: SmallTemplate) -> None:
    write(project / "app/tone.py", "TONE = 'kind'\n")
    edit(project / "app/answers.py", "# line 0 of", "from app.tone import TONE\n# line 0 of")
    main = commit(project, "ours")
    template.commit("second", {"app/wiring.py": "def wire() -> str:\n    return ''\n"})
    assert upgrade(project).returncode == 1
    branch = git(project, "symbolic-ref", "--short", "HEAD")
    git(project, "switch", "--quiet", "main")
    assert f"run `git switch {branch}` first" in upgrade(project, "--continue").stdout
    assert git(project, "rev-parse", "main") == main
    git(project, "reset", "--quiet", "--hard")
    git(project, "branch", "--quiet", "-D", branch)
    assert "no upgrade is under way" in upgrade(project, "--continue").stdout


def test_a_dry_run_says_the_same_and_changes_nothing(conflict: Path) -> None:
    before = state(conflict)
    done = upgrade(conflict, "--dry-run")
    assert done.returncode == 1
    assert "docs/guide.md: both sides changed the same lines" in done.stdout
    assert state(conflict) == before


def test_a_dirty_tree_is_refused_in_one_sentence(project: Path, template: SmallTemplate) -> None:
    template.commit("second", {"docs/guide.md": "# Guide\n"})
    edit(project / "docs/guide.md", "Two.", "Two, not committed.")
    before = state(project)
    done = upgrade(project)
    assert done.returncode == 1
    assert done.stdout == (
        "upgrade: docs/guide.md is not committed: commit or stash what you have changed, then upgrade.\n"
    )
    assert state(project) == before


def test_a_file_that_git_ignores_is_not_overwritten(project: Path, template: SmallTemplate) -> None:
    write(project / ".data" / "kept.txt", "ours\n")
    write(template.folder / FOLDER / ".data" / "kept.txt", "theirs\n")
    git(template.folder, "add", "--force", f"{FOLDER}/.data/kept.txt")
    git(template.folder, "commit", "--quiet", "--message", "second")
    done = upgrade(project)
    assert done.returncode == 1
    assert ".data/kept.txt, which is here without being tracked" in done.stdout
    assert (project / ".data" / "kept.txt").read_text(encoding="utf-8") == "ours\n"


def test_line_ends_of_windows_stay_and_are_no_conflict(project: Path, template: SmallTemplate) -> None:
    (project / ".gitattributes").unlink()
    commit(project, "as it is")
    for name in ("docs/guide.md", "app/answers.py"):
        path = project / name
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    path = project / "docs/guide.md"
    path.write_bytes(path.read_bytes().replace(b"Three.", b"Three, ours."))
    commit(project, "an editor of Windows")
    template.commit("second", {"docs/guide.md": "# Guide\n\nOne, theirs.\n\nTwo.\n\nThree.\n"})
    done = upgrade(project)
    assert done.returncode == 0, done.stdout
    assert path.read_bytes() == b"# Guide\r\n\r\nOne, theirs.\r\n\r\nTwo.\r\n\r\nThree, ours.\r\n"
    assert b"\r\n" in (project / "app/answers.py").read_bytes()


def test_a_renamed_folder_and_a_folder_of_a_larger_repository_are_upgraded(
    home: Path, project: Path, template: SmallTemplate
) -> None:
    whole = home / "monorepo"
    shutil.rmtree(project / ".git")
    shutil.move(project, whole / "services" / "renamed")
    write(whole / "other" / "app" / "main.py", "import app.nothing\n")
    git(whole, "init", "--quiet")
    commit(whole, "all that we have")
    inside = whole / "services" / "renamed"
    edit(inside / "docs/guide.md", "Three.", "Three, ours.")
    commit(whole, "ours")
    template.commit("second", {"docs/guide.md": "# Guide\n\nOne, theirs.\n\nTwo.\n\nThree.\n"})
    assert upgrade(inside, "--dry-run").returncode == 0
    done = upgrade(inside)
    assert done.returncode == 0, done.stdout
    assert (inside / "docs/guide.md").read_text(encoding="utf-8") == (
        "# Guide\n\nOne, theirs.\n\nTwo.\n\nThree, ours.\n"
    )
    assert git(whole, "diff", "--name-only", "HEAD^").splitlines() == [
        "services/renamed/.template.json",
        "services/renamed/docs/guide.md",
    ]
