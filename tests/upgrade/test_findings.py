"""What an upgrade says besides conflicts: what git calls clean and is not, and what a person must know."""

import json
from pathlib import Path

from tests.upgrade.small_template import FOLDER, SmallTemplate, commit, edit, generate, git, state, upgrade, write


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


def test_a_step_of_everybody_is_shown_to_a_service_that_changed_nothing(project: Path, template: SmallTemplate) -> None:
    steps = "  steps:\n  - {do: Set the key., touches: ['**']}\n  - {do: Look at the prompts., touches: [prompts/*]}\n"
    write(template.folder / "UPGRADES.yaml", f"- version: 0.2.0\n  date: null\n  serious: major\n{steps}")
    template.commit("second", {"docs/guide.md": "# Guide\n"})
    assert "has not released 0.2.0, or has no tags: take its newest commit by --to HEAD." in (
        upgrade(project, "--to", "0.2.0").stdout
    )
    done = upgrade(project, "--to", "HEAD")
    assert done.returncode == 0, done.stdout
    assert "  0.2.0: Set the key.\n" in done.stdout
    assert "Look at the prompts." not in done.stdout
    assert "1 more in the template's UPGRADES.yaml concern nothing that you changed." in done.stdout


def test_steps_that_a_version_got_before_its_release_are_shown_to_services_on_the_way_to_it(
    home: Path, template: SmallTemplate
) -> None:
    entry = "- version: {}\n  date: {}\n  serious: major\n  steps:\n  - {{do: Look at the {}.}}\n"
    first = "- version: 0.1.0\n  date: 2026-01-01\n  serious: patch\n  steps: []\n"
    write(template.folder / "UPGRADES.yaml", entry.format("0.2.0", "null", "budgets") + first)
    template.commit("on the way", {"docs/guide.md": "# Guide on the way\n"})
    project = generate(template.folder, home / "s")
    edit(project / "policies/cost.yaml", "warn_percent: 80", "warn_percent: 70")
    commit(project, "ours")
    whole = entry.format("0.2.0", "2026-02-02", "budgets") + "  - {do: Look at the prompts.}\n"
    write(template.folder / "UPGRADES.yaml", whole + first)
    template.commit("released", {"docs/guide.md": "# Guide\n"})
    git(template.folder, "tag", "v0.2.0")
    assert "How serious: major" in upgrade(project, "--check").stdout
    done = upgrade(project)
    assert "0.2.0: Look at the prompts." in done.stdout
    assert "Look at the budgets." not in done.stdout  # which the service was generated with
    write(template.folder / "UPGRADES.yaml", whole + "  - {do: Look at the docs.}\n" + first)
    template.commit("after the release", {"docs/guide.md": "# Guide after it\n"})
    git(project, "branch", "--quiet", "--move", "ours")
    again = upgrade(project, "--to", git(template.folder, "rev-parse", "HEAD"))
    assert again.returncode == 0, again.stdout
    assert "Look at the docs." not in again.stdout  # the service is at a release that has passed it


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
    ours = "migrations/versions/9001_ours.py"
    write(project / ours, 'revision = "9001"\ndown_revision = "0001"\n')
    commit(project, "ours")
    template.commit("second", {"migrations/versions/0002_second.py": 'revision = "0002"\ndown_revision = "0001"\n'})
    done = upgrade(project)
    assert done.returncode == 1
    assert f"migrations/versions/0002_second.py and {ours} both end" in done.stdout
    assert "and depends_on = '0001' in 9001_ours.py" in done.stdout
    assert upgrade(project, "--continue").returncode == 1
    git(project, "rm", "--quiet", "--force", ours)
    labelled = 'revision = "9001"\ndown_revision = None\nbranch_labels = ("extensions",)\ndepends_on = "0001"\n'
    write(project / "migrations/extensions/9001_ours.py", labelled)
    git(project, "add", "--all")
    assert upgrade(project, "--continue").returncode == 0


def test_a_chain_with_a_label_of_its_own_ends_where_it_likes(project: Path, template: SmallTemplate) -> None:
    ours = 'revision = "9001"\ndown_revision = None\nbranch_labels = ("own",)\ndepends_on = "0001"\n'
    write(project / "migrations/own/9001_ours.py", ours)
    commit(project, "ours")
    template.commit("second", {"migrations/versions/0002_second.py": 'revision = "0002"\ndown_revision = "0001"\n'})
    assert upgrade(project).returncode == 0


def test_a_new_question_is_answered_by_its_default_or_by_name(home: Path, template: SmallTemplate) -> None:
    project = generate(template.folder, home / "s")
    questions = json.loads((template.folder / "cookiecutter.json").read_text(encoding="utf-8"))
    write(template.folder / "cookiecutter.json", json.dumps({"tone": ["kind", "curt"], **questions}))
    template.commit("second", {"README.md": "# {{ cookiecutter.project_name }}, {{ cookiecutter.tone }}\n"})
    assert "tone=kind" in upgrade(project, "--dry-run").stdout
    assert "the template does not ask for tune" in upgrade(project, "--answer", "tune=curt").stdout
    assert upgrade(project, "--answer", "tone=curt").returncode == 0
    assert (project / "README.md").read_text(encoding="utf-8") == "# Small, curt\n"
