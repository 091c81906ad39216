"""A small template, and a service of it."""

from pathlib import Path

import pytest

from tests.upgrade.small_template import SmallTemplate, commit, edit, generate, git, make_template


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


@pytest.fixture
def conflict(project: Path, template: SmallTemplate) -> Path:
    edit(project / "docs/guide.md", "Two.", "Two, and ours.")
    commit(project, "ours")
    template.commit("second", {"docs/guide.md": "# Guide\n\nOne.\n\nTwo, and theirs.\n\nThree.\n"})
    return project
