"""Every answer arrives where the running service reads it; one that cannot work is refused with a way out."""

import functools
import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.baking import QUESTIONS, bake

CHOICES = [
    pytest.param(name, value, id=f"{name}={value}")
    for name, values in QUESTIONS.items()
    if isinstance(values, list) and not name.startswith("_")
    for value in values
]
ASKED = [name for name in QUESTIONS if not name.startswith("_")]


def policy(project: Path, name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((project / "policies" / f"{name}.yaml").read_text(encoding="utf-8"))
    return found


def metadata(project: Path) -> dict[str, Any]:
    return tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))


def test_every_question_is_asked_in_a_sentence() -> None:
    prompts = QUESTIONS["__prompts__"]
    asked = {name: prompts[name]["__prompt__"] if isinstance(prompts[name], dict) else prompts[name] for name in ASKED}
    assert all(re.search(r"\?( \(.*\))?$", sentence) and " " in sentence for sentence in asked.values())
    for name in ASKED:
        if isinstance(QUESTIONS[name], list):
            assert set(prompts[name]) == {"__prompt__", *QUESTIONS[name]}


def test_the_defaults_give_a_project_named_after_the_service(tmp_path: Path) -> None:
    project = bake(tmp_path / "out").project
    assert project.name == "handbook-answers"
    assert metadata(project)["project"]["name"] == "handbook-answers"
    assert policy(project, "ownership")["service"] == "Handbook Answers"


@pytest.fixture(scope="module")
def baked_with(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Path]:
    """A bake with an answer to a choice. One bake has the first value of every choice, one the second, and so on."""
    offered = {name: values for name, values in QUESTIONS.items() if name in ASKED and isinstance(values, list)}

    @functools.cache
    def made(place: int) -> Path:
        answers = {name: values[place % len(values)] for name, values in offered.items()}
        return bake(tmp_path_factory.mktemp("choices") / "out", **answers).project

    return lambda option, value: made(offered[option].index(value))


@pytest.mark.parametrize(("option", "value"), CHOICES)
def test_bakes_with(option: str, value: str, baked_with: Callable[[str, str], Path]) -> None:
    project = baked_with(option, value)
    match option:
        case "risk_tier" | "data_sensitivity":
            assert policy(project, "ownership")[option] == value
        case "license":
            licence = (project / "LICENSE").read_text(encoding="utf-8")
            first = {"MIT": "MIT License", "Apache-2.0": "Apache License", "proprietary": "Copyright"}[value]
            assert licence.lstrip().startswith(first)
            expression = {"proprietary": "LicenseRef-Proprietary"}.get(value, value)
            assert metadata(project)["project"]["license"] == expression
        case "ci_provider":
            kept = {name for name in (".github", ".gitlab-ci.yml") if (project / name).exists()}
            assert kept == {"github": {".github"}, "gitlab": {".gitlab-ci.yml"}, "none": set()}[value]
        case _:
            pytest.fail(f"no test says where the answer to {option} goes")


def test_numbers_an_address_and_a_team_are_written_into_their_policies(tmp_path: Path) -> None:
    given = {"p95_latency_ms": "750", "monthly_budget_usd": "49.90", "oncall_contact": "duty@ops.example"}
    project = bake(tmp_path / "out", owner_team="Search & Answers", **given).project
    assert policy(project, "slo")["answer_p95_ms"] == 750
    assert policy(project, "cost")["monthly_budget_usd"] == 49.9
    assert policy(project, "ownership")["on_call"] == "duty@ops.example"
    owners = {path.stem: policy(project, path.stem)["owner"] for path in (project / "policies").glob("*.yaml")}
    assert owners
    assert set(owners.values()) == {"Search & Answers"}


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        pytest.param("L'Été à l'Hôtel", "l-ete-a-l-hotel", id="accents-and-apostrophes"),
        pytest.param('The "Quoted" Desk', "the-quoted-desk", id="quotes"),
        pytest.param("Back\\slash: yes #1", "back-slash-yes-1", id="signs-with-a-meaning-in-yaml"),
        pytest.param("Straße der Fragen 🚀", "strasse-der-fragen", id="outside-the-basic-plane"),
        pytest.param("true", "true", id="a-word-that-yaml-reads-as-something-else"),
        pytest.param("""Three ''' and \"\"\" quotes""", "three-and-quotes", id="triple-quotes"),
    ],
)
def test_a_name_arrives_as_it_was_written(name: str, slug: str, tmp_path: Path) -> None:
    project = bake(tmp_path / "out", project_name=name, owner_team=f"Team {name}").project
    assert project.name == slug
    assert policy(project, "ownership")["service"] == name
    assert policy(project, "ownership")["owners"]["data"] == f"Team {name}"
    assert metadata(project)["project"]["description"] == name
    assert metadata(project)["project"]["authors"][0]["name"] == f"Team {name}"
    rules = [line for line in (project / "CODEOWNERS").read_text(encoding="utf-8").splitlines() if line[:1] != "#"]
    assert all(len(line.split()) == 2 and line.endswith(QUESTIONS["oncall_contact"]) for line in rules)
    assert (project / "README.md").read_text(encoding="utf-8").startswith(f"# {name}\n")


@pytest.mark.parametrize(
    ("option", "value", "way_out"),
    [
        pytest.param("project_slug", "Has Spaces", "lower-case letters", id="slug-with-spaces"),
        pytest.param("project_slug", "1st", "starting with a letter", id="slug-starting-with-a-digit"),
        pytest.param("project_slug", "under_score", "single hyphens", id="slug-with-underscore"),
        pytest.param("project_slug", "../escape", "lower-case letters", id="slug-leaving-the-folder"),
        pytest.param("project_slug", "app", "for example handbook-answers", id="slug-of-the-package"),
        pytest.param("project_name", "  ", "1 to 80 characters", id="empty-name"),
        pytest.param("owner_team", "two\nlines", "on one line", id="team-on-two-lines"),
        pytest.param("owner_team", "x" * 81, "shorter", id="team-too-long"),
        pytest.param("oncall_contact", "nobody", "e-mail address", id="no-email"),
        pytest.param("oncall_contact", "a@b", "for example oncall@example.com", id="email-without-domain"),
        pytest.param("oncall_contact", 'a"b@example.com', "e-mail address", id="email-with-quote"),
        pytest.param("p95_latency_ms", "fast", "whole number of milliseconds", id="latency-in-words"),
        pytest.param("p95_latency_ms", "0", "from 50", id="latency-zero"),
        pytest.param("p95_latency_ms", "1.5", "whole number", id="latency-with-a-point"),
        pytest.param("p95_latency_ms", "999999999", "to 120000", id="latency-of-days"),
        pytest.param("monthly_budget_usd", "-5", "US dollars from 1", id="budget-below-zero"),
        pytest.param("monthly_budget_usd", "$200", "without sign", id="budget-with-sign"),
        pytest.param("monthly_budget_usd", "1,000", "separators", id="budget-with-separators"),
        pytest.param("monthly_budget_usd", "1e4", "for example 200", id="budget-with-exponent"),
        pytest.param("monthly_budget_usd", "٣٠٠", "for example 200", id="budget-in-other-digits"),
    ],
)
def test_refuses(option: str, value: str, way_out: str, tmp_path: Path) -> None:
    done = bake(tmp_path / "out", **{option: value})
    # What the generator itself says about a hook that stopped it comes after; ours is one line.
    (sentence,) = done.said.split("ERROR: Stopping generation")[0].splitlines()
    assert way_out in sentence
    assert done.code != 0
    assert done.made == ()
    assert not (tmp_path / "escape").exists()


@pytest.mark.parametrize("option", ["risk_tier", "data_sensitivity", "license", "ci_provider"])
def test_refuses_a_value_that_is_not_offered(option: str, tmp_path: Path) -> None:
    done = bake(tmp_path / "out", **{option: "whatever"})
    assert done.code != 0
    assert done.made == ()


def test_an_earlier_bake_can_be_replayed(tmp_path: Path) -> None:
    first = bake(tmp_path / "out", project_name="Replayed Once", risk_tier="high").project
    kept = (first / "policies" / "ownership.yaml").read_bytes()
    again = bake(tmp_path / "out", "--replay", "--overwrite-if-exists").project
    assert again == first
    assert (again / "policies" / "ownership.yaml").read_bytes() == kept
