"""Only a short list of files is rendered; everything else arrives as it stands in the template."""

import re
from pathlib import Path

import pytest

from tests.baking import TEMPLATE, bake, files, is_rendered

RENDERED = {
    ".env.example",
    "CODEOWNERS",
    "LICENSE",
    "README.md",
    "pyproject.toml",
    "policies/actions.yaml",
    "policies/business.yaml",
    "policies/cost.yaml",
    "policies/data.yaml",
    "policies/identity.yaml",
    "policies/monitoring.yaml",
    "policies/ownership.yaml",
    "policies/privacy.yaml",
    "policies/quality.yaml",
    "policies/readiness.yaml",
    "policies/review.yaml",
    "policies/security.yaml",
    "policies/slo.yaml",
}
PLACEHOLDER = re.compile(r"\{\{-?\s*cookiecutter|\{%-?\s*(if|elif|else|endif|for|set|raw)\b|cookiecutter\.")


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bake(tmp_path_factory.mktemp("defaults") / "out").project


def test_the_list_of_rendered_files_is_the_one_agreed_on() -> None:
    """A fork adds policies of its own in their place, which are rendered too."""
    rendered = {name for name in files(TEMPLATE) if is_rendered(name)}
    assert {name for name in rendered if not name.startswith("policies/extensions/")} == RENDERED


def test_no_python_file_of_the_service_holds_a_placeholder() -> None:
    holding = [
        name
        for name in files(TEMPLATE)
        if name.endswith((".py", ".pyi", ".sql", ".mako"))
        and re.search(r"\{\{-?\s*cookiecutter", (TEMPLATE / name).read_text(encoding="utf-8"))
    ]
    assert holding == []


def test_no_rendered_file_is_code() -> None:
    assert not [name for name in RENDERED if name.endswith((".py", ".sh", ".sql")) or name == "Makefile"]


def test_a_baked_project_holds_no_placeholder(project: Path) -> None:
    text = {name: (project / name).read_bytes().decode("utf-8", "ignore") for name in files(project)}
    left = [name for name in text if name in RENDERED and PLACEHOLDER.search(text[name])]
    left += [name for name in text if re.search(r"\{\{-?\s*cookiecutter", text[name])]
    assert left == []


def test_a_bake_loses_no_file_but_the_ci_files_of_other_providers(project: Path) -> None:
    lost = set(files(TEMPLATE)) - set(files(project))
    assert lost == {".gitlab-ci.yml"}


def test_a_bake_adds_no_file_but_the_record_of_the_template(project: Path) -> None:
    assert set(files(project)) - set(files(TEMPLATE)) == {".template.json"}


def test_files_that_are_not_rendered_arrive_byte_for_byte(project: Path) -> None:
    changed = [
        name
        for name in files(project)
        if not is_rendered(name) and (project / name).read_bytes() != (TEMPLATE / name).read_bytes()
    ]
    assert changed == []
