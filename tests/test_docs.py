"""What the documents tell a reader to do can be done."""

import itertools
import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.baking import REPOSITORY, TEMPLATE

PAGES = [REPOSITORY / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")]
PAGES += sorted((REPOSITORY / "docs").rglob("*.md"))


def targets(folder: Path) -> set[str]:
    return set(re.findall(r"^([a-z-]+):", (folder / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_every_make_command_in_a_page_exists(page: Path) -> None:
    named = set(re.findall(r"(?:^|`)make ([a-z-]+)", page.read_text(encoding="utf-8"), re.MULTILINE))
    assert named <= targets(REPOSITORY) | targets(TEMPLATE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_every_link_to_a_file_leads_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        assert (page.parent / link).exists(), link


@pytest.mark.parametrize("page", sorted((REPOSITORY / "docs" / "decisions").glob("*.md")), ids=lambda page: page.stem)
def test_a_decision_record_has_one_line_that_can_be_quoted(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert re.match(r"# \d+\. .+\n\n\*\*Decision: [^*]+\.\*\*\n", text)
    assert text.count("**Decision") == 1
    assert text.count("\n") <= 60


README = (REPOSITORY / "README.md").read_text(encoding="utf-8")


def result(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((TEMPLATE / "benchmarks" / "results" / name).read_text(encoding="utf-8"))
    return found


def test_the_readme_names_the_test_of_each_of_the_twelve_mistakes() -> None:
    named = re.findall(r"`(test_\d\d_\w+\.py)`", README)
    assert named == sorted(path.name for path in (TEMPLATE / "tests" / "mistakes").glob("test_[0-9]*.py"))
    assert len(named) == 12


def test_the_readme_of_a_service_names_every_policy() -> None:
    text = (TEMPLATE / "README.md").read_text(encoding="utf-8")
    assert [path.name for path in TEMPLATE.glob("policies/*.yaml") if f"`{path.name}`" not in text] == []


def test_every_figure_of_the_readme_stands_in_a_committed_result() -> None:
    path = result("hot_path.json")["connections_16"]
    ingest, budget, actions = (result(f"kill_{what}.json") for what in ("ingest", "budget", "actions"))
    stack = result("kill_stack.json")
    wrong = sum(sum(stack[what].values()) for what in ("lost", "doubled"))
    recall = result("retrieval_quality.json")["squad2"]
    figures = [
        f"| {path['answers_per_second']:.0f}, beside {path['pass_through_per_second']:,.0f} for a bare pass-through",
        f"| {path['api_cpu_ms']:.2f} ms, beside {path['pass_through_cpu_ms']:.2f} ms",
        f"after {ingest['worker_kills']} killed workers and {ingest['server_kills']} killed servers",
        f"| {ingest['lost'] + ingest['doubled']} of {ingest['documents']} |",
        f"after {budget['kills']} kills | {budget['uncharged'] + budget['charged_twice']} of {budget['answers']:,} |",
        f"after {sum(stack['kills'].values())} kills of API, worker, database or proxy",
        f"under load | {wrong} of {sum(stack['accepted'].values()):,} |",
        f"after {actions['worker_kills']} killed workers",
        f"| {actions['not_done'] + actions['done_twice']} of {actions['actions']} |",
        f"| {recall['hybrid']['recall_at_10']:.3f} (BM25 alone {recall['bm25']['recall_at_10']:.3f})",
    ]
    assert [figure for figure in figures if figure not in README] == []


def test_the_picture_of_the_rooms_follows_the_import_law() -> None:
    """From the top down, as the law in the service's pyproject.toml orders them; rooms of a layer in any order."""
    picture = next(text for text in re.findall(r"```text\n(.*?)```", README, re.S) if "wiring" in text)
    drawn = [re.split(r" {2,}", line.strip())[1:] for line in picture.strip().splitlines()]
    law = (TEMPLATE / "pyproject.toml").read_text(encoding="utf-8").partition("layers = [")[2].partition("]")[0]
    depth = {room: at for at, layer in enumerate(re.findall(r'"(.+?)"', law)) for room in re.findall(r"\w+", layer)}
    rooms = [room for row in drawn for room in row]
    there = {path.stem for path in (TEMPLATE / "app").iterdir() if not path.stem.startswith("__")}
    assert sorted(rooms) == sorted(there)
    for above, below in itertools.pairwise(drawn):
        assert max(depth[room] for room in above) < min(depth[room] for room in below)
