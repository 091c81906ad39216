"""The handbook says what the code does: generated pages are fresh, nothing is undocumented, no page names what is not
there."""

import importlib.util
import re
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest
import typer

ROOT = Path(__file__).parent.parent.parent
PAGES = sorted([*ROOT.glob("docs/**/*.md"), *ROOT.glob("*.md")])
WRITTEN = [page for page in PAGES if page.parent.name != "reference"]


def load_reference() -> ModuleType:
    spec = importlib.util.spec_from_file_location("reference", ROOT / "scripts" / "reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.import_everything()
    return module


reference = load_reference()


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def mentioned(pattern: str) -> dict[str, str]:
    """What the written pages say in code font that fits the pattern, and where."""
    found: dict[str, str] = {}
    for page in WRITTEN:
        text = page.read_text(encoding="utf-8")
        for code in [*re.findall(r"`([^`\n]+)`", text), *re.findall(r"```\w*\n(.*?)```", text, re.S)]:
            for match in re.finditer(pattern, code, re.M):
                found.setdefault(match[1], name_of(page))
    return found


@pytest.mark.parametrize("name", reference.PAGES)
def test_a_generated_page_is_fresh(name: str) -> None:
    on_disk = (reference.ROOT / name).read_text(encoding="utf-8")
    assert on_disk == reference.PAGES[name](), "run: python scripts/reference.py"


def test_every_setting_is_described() -> None:
    from app.settings import Settings

    assert [name for name, field in Settings.model_fields.items() if not field.description] == []
    inner = [reference.nested_model(field.annotation, True) for field in Settings.model_fields.values()]
    rows = [row for model in inner if model for row in reference.fields_of(model)]
    assert [field for field, _, _, text in rows if not text] == []


def test_every_policy_field_is_described() -> None:
    from app.wiring import POLICIES

    rows = [(name, *row) for name, model in POLICIES.items() for row in reference.fields_of(model)]
    assert [f"{name}: {field}" for name, field, _, _, text in rows if not text] == []


def test_every_problem_has_a_code_and_a_title_of_its_own() -> None:
    kinds = [kind for kind in reference.problems() if kind.__module__.startswith("app.")]
    assert [code for code, count in Counter(kind.code for kind in kinds).items() if count > 1] == []
    assert [kind.__name__ for kind in kinds if "code" not in vars(kind) or "title" not in vars(kind)] == []


def test_every_command_and_each_of_its_parameters_has_help() -> None:
    from app.cli import app

    for path, command in reference.commands(typer.main.get_command(app), ["app"]):
        assert command.help, path
        silent = [each.name for each in command.params if each.name != "help" and not getattr(each, "help", None)]
        assert silent == [], path


def test_every_route_says_what_it_does() -> None:
    assert [route.path for route in reference.routes() if not route.description] == []


def test_every_metric_says_what_it_counts() -> None:
    assert [each._name for each in reference.metrics() if len(each._documentation) < 8] == []


def test_every_dependency_has_its_reason() -> None:
    lines = (ROOT / "requirements/run.in").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line.strip() and "#" not in line] == []


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_leads_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.S)
    targets = [target.partition("#") for target in re.findall(r"\]\(([^)\s]+)\)", text)]
    local = [(path, anchor) for path, _, anchor in targets if not re.match(r"[a-z]+:", path)]
    for path, anchor in local:
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), path
        if anchor:
            assert anchor in anchors(target), f"{path}#{anchor}"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_a_link_to_a_decision_has_its_number(page: Path) -> None:
    links = re.findall(r"\[decision (\d+)\]\([^)]*?(\d{4})-", page.read_text(encoding="utf-8"), re.I)
    assert [(number, file) for number, file in links if int(number) != int(file)] == []


def anchors(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


def test_commands_named_in_the_handbook_exist() -> None:
    from app.cli import app

    known = {" ".join(path) for path, _ in reference.commands(typer.main.get_command(app), ["app"])}
    groups = {path.rsplit(" ", 1)[0] for path in known}
    named = mentioned(r"(?:^|[\s/]bin/|\$ )(app(?: [a-z][a-z-]*)+)")
    wrong = {
        command: where
        for command, where in named.items()
        if not any(command == each or command.startswith(each + " ") for each in known) and command not in groups
    }
    assert [command for command in wrong if not command.startswith("app extensions")] == []


def test_settings_named_in_the_handbook_exist() -> None:
    from app.settings import Settings, variable_of

    known = {variable_of(name) for name in Settings.model_fields}
    named = mentioned(r"\b(APP_[A-Z0-9_]+)")
    assert {name: where for name, where in named.items() if name not in known} == {}


def test_routes_named_in_the_handbook_exist() -> None:
    def shape(path: str) -> str:
        return re.sub(r"\{[^}]*\}|\$[A-Za-z_]+|<[^>]*>", "{}", path).rstrip("/")

    known = {shape(route.path) for route in reference.routes()}
    named = mentioned(r"(/v1/[\w/{}$<>-]*[\w}>]|/health/\w+)")
    assert {
        path: where
        for path, where in named.items()
        if shape(path) not in known and not path.startswith("/v1/extensions")
    } == {}


def test_metrics_named_in_the_handbook_exist() -> None:
    known = {each._name + ("_total" if each._type == "counter" else "") for each in reference.metrics()}
    known |= {f"{name}_{part}" for name in list(known) for part in ("bucket", "count", "sum")}
    named = mentioned(r"\b(app_[a-z0-9_]+_(?:total|seconds|bucket|count|sum|ratio|bytes))\b")
    assert {name: where for name, where in named.items() if name not in known} == {}


TEAMS_OWN = re.compile(r"(?:app|policies|prompts|migrations)/extensions/")
"""Where a team adds files, whose names the handbook gives as examples."""


def test_files_named_in_the_handbook_exist() -> None:
    named = mentioned(r"(?<![\w/.~*-])((?:app|docs|policies|prompts|migrations|tests|scripts|benchmarks)/[\w./-]*\w)")
    assert {
        path: where for path, where in named.items() if not (ROOT / path).exists() and not TEAMS_OWN.match(path)
    } == {}


def test_make_targets_named_in_the_handbook_exist() -> None:
    known = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    named = mentioned(r"(?:^|\s)make ([a-z-]+)")
    assert {target: where for target, where in named.items() if target not in known} == {}


def test_each_folder_of_the_handbook_is_listed_on_its_first_page() -> None:
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    pages = [page.relative_to(ROOT / "docs").as_posix() for page in ROOT.glob("docs/*/*.md")]
    assert [page for page in pages if f"({page})" not in index] == []


def test_the_glossary_has_each_word_once_and_in_order() -> None:
    lines = (ROOT / "GLOSSARY.md").read_text(encoding="utf-8").split("\n\n")[2:]
    words = [re.match(r"\*\*([^*]+)\.\*\* \S", line) for line in lines]
    assert [line for line, word in zip(lines, words, strict=True) if not word] == []
    known = [re.sub(r"[^a-z ]", " ", word[1].lower()) for word in words if word]
    assert known == sorted(set(known))
