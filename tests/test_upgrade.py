"""A generated service follows its template: what both sides did is merged, and what is not clean is said."""

import json
import shutil
import sys
from pathlib import Path

import pytest

from tests.baking import run
from tests.small_template import (
    FIRST,
    FOLDER,
    SmallTemplate,
    commit,
    edit,
    generate,
    git,
    make_template,
    upgrade,
    write,
)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    for name, value in (
        ("user.name", "Ada"),
        ("user.email", "ada@example.com"),
        ("init.defaultBranch", "main"),
    ):
        git(tmp_path, "config", "--global", name, value)
    return tmp_path


@pytest.fixture
def template(home: Path) -> SmallTemplate:
    return make_template(home / "template")


@pytest.fixture
def project(home: Path, template: SmallTemplate) -> Path:
    return generate(template.folder, home / "services", project_name="L'Équipe")


def state(project: Path) -> tuple[str, ...]:
    """All that an upgrade could leave behind."""
    files = {
        path.relative_to(project).as_posix(): path.read_bytes()
        for path in project.rglob("*")
        if path.is_file() and ".git" not in path.relative_to(project).parts
    }
    return (
        repr(sorted(files.items())),
        git(project, "status", "--porcelain", "--ignored"),
        git(project, "for-each-ref"),
        git(project, "symbolic-ref", "HEAD"),
        git(project, "worktree", "list"),
    )


def test_a_new_service_records_template_commit_and_answers(project: Path, template: SmallTemplate) -> None:
    record = json.loads((project / ".template.json").read_text(encoding="utf-8"))
    assert record["template"] == str(template.folder)
    assert record["commit"] == git(template.folder, "rev-parse", "HEAD")
    assert record["context"]["cookiecutter"]["project_name"] == "L'Équipe"
    assert not [name for name in record["context"]["cookiecutter"] if name.startswith("_")]


def test_a_service_of_a_changed_template_records_no_commit(home: Path, template: SmallTemplate) -> None:
    write(template.folder / FOLDER / "app" / "uncommitted.py", "")
    record = json.loads((generate(template.folder, home / "s") / ".template.json").read_text(encoding="utf-8"))
    assert record["commit"] is None


def test_the_address_of_a_clone_is_recorded_without_the_password(home: Path, template: SmallTemplate) -> None:
    git(template.folder, "remote", "add", "origin", "https://ada:secret@git.example.com/t.git")
    text = (generate(template.folder, home / "s") / ".template.json").read_text(encoding="utf-8")
    assert json.loads(text)["template"] == "https://git.example.com/t.git"


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


@pytest.fixture
def conflict(project: Path, template: SmallTemplate) -> Path:
    edit(project / "docs/guide.md", "Two.", "Two, and ours.")
    commit(project, "ours")
    template.commit("second", {"docs/guide.md": "# Guide\n\nOne.\n\nTwo, and theirs.\n\nThree.\n"})
    return project


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
    git(conflict, "add", "docs/guide.md")
    said = upgrade(conflict, "--continue")
    assert said.returncode == 0, said.stdout
    assert git(conflict, "rev-parse", "HEAD^") == main
    assert git(conflict, "status", "--porcelain") == ""
    assert "nothing to do" in upgrade(conflict).stdout


def test_abort_leaves_everything_as_before(conflict: Path) -> None:
    write(conflict / ".env", "APP_PORT=1\n")
    before = state(conflict)
    assert upgrade(conflict).returncode == 1
    assert state(conflict) != before
    assert upgrade(conflict, "--abort").returncode == 0
    assert state(conflict) == before


def test_a_dry_run_says_the_same_and_changes_nothing(conflict: Path) -> None:
    before = state(conflict)
    done = upgrade(conflict, "--dry-run")
    assert done.returncode == 1
    assert "docs/guide.md: both sides changed the same lines" in done.stdout
    assert state(conflict) == before


def test_check_says_what_is_newer_and_how_serious(project: Path, template: SmallTemplate) -> None:
    ledger = "- version: 0.2.0\n  date: 2026-12-01\n  serious: major\n- version: 0.1.0\n  serious: patch\n"
    write(template.folder / "UPGRADES.yaml", ledger)
    template.commit("second", {"docs/guide.md": "# Guide\n"})
    before = state(project)
    done = upgrade(project, "--check")
    assert done.returncode == 0, done.stdout
    assert "0.2.0, commit" in done.stdout
    assert "major (a step by hand is needed)" in done.stdout
    assert state(project) == before


def test_the_steps_that_concern_the_edits_at_hand_are_shown(project: Path, template: SmallTemplate) -> None:
    edit(project / "policies/cost.yaml", "warn_percent: 80", "warn_percent: 70")
    commit(project, "ours")
    write(
        template.folder / "UPGRADES.yaml",
        "- version: 0.2.0\n  serious: major\n  contracts:\n"
        "  - {kind: policy_key, was: warn_percent, now: warn_share, do: write a share.}\n"
        "  - {kind: setting, was: APP_OLD, now: null, do: remove it.}\n"
        "  steps:\n  - {do: Look at the budgets., touches: [policies/*.yaml]}\n"
        "  - {do: Look at the prompts., touches: [prompts/*]}\n",
    )
    template.commit("second", {"docs/guide.md": "# Guide\n"})
    done = upgrade(project)
    assert done.returncode == 0, done.stdout
    assert "policy key warn_percent is warn_share: write a share." in done.stdout
    assert "Look at the budgets." in done.stdout
    assert "APP_OLD" not in done.stdout
    assert "Look at the prompts." not in done.stdout
    assert git(project, "symbolic-ref", "--short", "HEAD") == "upgrade/0.2.0"
    assert json.loads((project / ".template.json").read_text(encoding="utf-8"))["version"] == "0.2.0"


def test_a_module_that_a_package_shadows_blocks_the_upgrade(project: Path, template: SmallTemplate) -> None:
    edit(project / "app/wiring.py", "return answer", "print('ours')\n    return answer")
    commit(project, "ours")
    wiring = (template.folder / FOLDER / "app/wiring.py").read_text(encoding="utf-8")
    template.commit("second", {"app/wiring.py": None, "app/wiring/__init__.py": "# another\n" * 40 + wiring})
    done = upgrade(project)
    assert done.returncode == 1
    assert "app/wiring.py is dead: Python imports the package app/wiring/" in done.stdout
    git(project, "add", "app/wiring.py")
    assert upgrade(project, "--continue").returncode == 1
    git(project, "rm", "--quiet", "--force", "app/wiring.py")
    assert upgrade(project, "--continue").returncode == 0


def test_a_file_that_nothing_imports_any_more_is_named(project: Path, template: SmallTemplate) -> None:
    write(project / "app/tone.py", "TONE = 'kind'\n")
    edit(project / "app/answers.py", "# line 0 of", "from app.tone import TONE\n# line 0 of")
    commit(project, "ours")
    template.commit("second", {"app/wiring.py": "def wire() -> str:\n    return ''\n"})
    done = upgrade(project)
    assert done.returncode == 1
    assert "app/tone.py is yours, and nothing imports it any more" in done.stdout
    assert upgrade(project, "--continue").returncode == 0


def test_an_import_of_what_the_template_renamed_is_named(project: Path, template: SmallTemplate) -> None:
    write(project / "app/tone.py", "from app.answers import answer\n\nTONE = answer('kind')\n")
    edit(project / "app/__main__.py", "from app.wiring", "from app.tone import TONE\nfrom app.wiring")
    commit(project, "ours")
    moved = (template.folder / FOLDER / "app/answers.py").read_text(encoding="utf-8")
    template.commit(
        "second",
        {
            "app/answers.py": moved.replace("def answer", "def reply"),
            "app/wiring.py": "from app.answers import reply\n\n\ndef wire() -> str:\n    return reply('?')\n",
        },
    )
    done = upgrade(project)
    assert done.returncode == 1
    assert "app/tone.py:1 imports answer from app.answers, which is not there" in done.stdout


def test_two_ends_of_one_chain_of_migrations_block_the_upgrade(project: Path, template: SmallTemplate) -> None:
    write(project / "migrations/versions/9001_ours.py", 'revision = "9001"\ndown_revision = "0001"\n')
    commit(project, "ours")
    template.commit("second", {"migrations/versions/0002_second.py": 'revision = "0002"\ndown_revision = "0001"\n'})
    done = upgrade(project)
    assert done.returncode == 1
    assert "migrations/versions/0002_second.py and migrations/versions/9001_ours.py both end" in done.stdout
    assert upgrade(project, "--continue").returncode == 1
    write(project / "migrations/versions/9002_join.py", 'revision = "9002"\ndown_revision = ("0002", "9001")\n')
    git(project, "add", "--all")
    assert upgrade(project, "--continue").returncode == 0


def test_a_chain_with_a_label_of_its_own_ends_where_it_likes(project: Path, template: SmallTemplate) -> None:
    ours = 'revision = "9001"\ndown_revision = None\nbranch_labels = ("own",)\ndepends_on = "0001"\n'
    write(project / "migrations/own/9001_ours.py", ours)
    commit(project, "ours")
    template.commit("second", {"migrations/versions/0002_second.py": 'revision = "0002"\ndown_revision = "0001"\n'})
    assert upgrade(project).returncode == 0


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


def test_a_service_made_by_cruft_is_upgraded_and_cruft_can_go_on(home: Path, template: SmallTemplate) -> None:
    command = [sys.executable, "-m", "cruft", "create", str(template.folder), "--no-input"]
    assert run(command, home).returncode == 0
    project = home / "small"
    (project / ".template.json").unlink()
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
    options = ("--root", str(project), "--template", str(template.folder), "--answers", str(home / "answers.json"))
    done = upgrade(project, *options, script=template.folder / FOLDER / "scripts" / "upgrade")
    assert done.returncode == 0, done.stdout
    assert json.loads((project / ".template.json").read_text(encoding="utf-8"))["commit"] == reached
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


def test_a_new_question_is_answered_by_its_default_or_by_name(home: Path, template: SmallTemplate) -> None:
    project = generate(template.folder, home / "s")
    questions = json.loads((template.folder / "cookiecutter.json").read_text(encoding="utf-8"))
    write(template.folder / "cookiecutter.json", json.dumps({"tone": ["kind", "curt"], **questions}))
    template.commit("second", {"README.md": "# {{ cookiecutter.project_name }}, {{ cookiecutter.tone }}\n"})
    assert "tone=kind" in upgrade(project, "--dry-run").stdout
    assert upgrade(project, "--answer", "tone=curt").returncode == 0
    assert (project / "README.md").read_text(encoding="utf-8") == "# Small, curt\n"
