"""The architecture page is true: its picture is the import law, and each file and function that it names exists."""

import ast
import itertools
import re
import tomllib

import pytest

from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "explanation" / "architecture.md").read_text(encoding="utf-8")
ENTRY_POINTS = {"__main__", "__init__", "__pycache__"}
TERMS = re.search(r"## Twenty standard terms\n(.*?)\n## ", PAGE, re.S)


def layers() -> list[set[str]]:
    """The rooms that exist, from the top down, as the import law orders them."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    law = next(contract["layers"] for contract in contracts if contract["id"] == "rooms")
    existing = {path.stem for path in (ROOT / "app").iterdir()} - ENTRY_POINTS
    return [rooms for layer in law if (rooms := set(re.findall(r"\w+", layer)) & existing)]


def test_the_picture_of_the_rooms_is_the_import_law() -> None:
    [picture] = re.findall(r"```text\n(.*?)```", PAGE, re.S)
    assert [set(row.split()) for row in re.findall(r"│[^│]+│([^│]+)│", picture)] == layers()


def test_the_table_of_rooms_names_each_once_and_from_the_top_down() -> None:
    rows = re.findall(r"^\| `app/(\w+)(?:\.py)?` \|", PAGE, re.M)
    depth = {room: at for at, layer in enumerate(layers()) for room in layer}
    assert sorted(rows) == sorted(depth)
    assert all(depth[above] <= depth[below] for above, below in itertools.pairwise(rows))


def names_in(path: str) -> set[str]:
    """Functions and classes of a file; methods with their class, as in Class.method."""
    names: set[str] = set()
    for node in ast.parse((ROOT / path).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        if isinstance(node, ast.ClassDef):
            methods = (each for each in node.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef))
            names |= {f"{node.name}.{method.name}" for method in methods}
    return names


@pytest.mark.parametrize("hop", re.findall(r"`(app/[\w/]+\.py::[\w.]+)`", PAGE))
def test_each_function_on_the_way_of_a_question_or_a_document_exists(hop: str) -> None:
    path, _, name = hop.partition("::")
    assert (ROOT / path).is_file()
    assert name in names_in(path)


def test_both_ways_are_told_step_by_step() -> None:
    for title in ("The question's way", "The document's way"):
        section = PAGE.partition(f"## {title}\n")[2].partition("\n## ")[0]
        steps = re.findall(r"^\d+\. (.+)$", section, re.M)
        assert len(steps) >= 7
        assert [step for step in steps if "::" not in step] == []


def test_each_of_twenty_standard_terms_has_a_place() -> None:
    assert TERMS
    rows = re.findall(r"^\| ([a-z -]+) \| (.+) \|$", TERMS[1], re.M)[1:]
    assert len({term for term, _ in rows}) == 20
    for term, places in rows:
        named = re.findall(r"`((?:app|prompts)/[\w./]+)`", places)
        assert named, term
        assert [place for place in named if not (ROOT / place).exists()] == [], term
