"""Every shell block of the tutorial and of the how-to pages works, in order."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import ROOT, TESTED
from tests.e2e.guide import Reader, blocks
from tests.evaluation.corpus import keep_cited_pages, keep_some_cases, let_no_time_decide
from tests.forks import Forks

pytestmark = [pytest.mark.long, pytest.mark.in_order]

DOCS = ROOT / "docs"
TUTORIAL = [DOCS / "tutorial" / f"{name}.md" for name in ("first-answer", "own-documents", "own-model", "own-actions")]
HOW_TO = sorted((DOCS / "how-to").glob("*.md"))
DRAFT = {
    "write-an-evaluation-case.md": [],
    "approve-a-release.md": [
        "app release create --from 1 --set retrieval.dense_weight=0.3 --reason 'less weight for vectors'",
        "app evaluate --release 2",
    ],
    "build-and-switch-an-index.md": [],
    "release-and-roll-back.md": ["echo 'Be brief.' >> prompts/answer.md"],
}
"""Pages that name releases by number, or measure one, start on a service with one release, after these commands."""
YOUNG = [
    ("write-an-evaluation-case.md", "approve-a-release.md"),
    ("build-and-switch-an-index.md",),
    ("release-and-roll-back.md",),
]
"""Which of them are read on one service: the first of the first makes no release. Their releases answer nearly
alike, so that some of the cases are enough.
"""


@contextmanager
def reader(folder: Path, forks: Forks) -> Iterator[Reader]:
    """A folder of the service with low risk, so that one person may take every step."""
    for name in ("docs", "evals", "migrations", "policies", "prompts"):
        shutil.copytree(TESTED / name, folder / name)
    ownership = folder / "policies" / "ownership.yaml"
    ownership.write_text(re.sub(r"^risk_tier: .*$", "risk_tier: low", ownership.read_text(), flags=re.M))
    there = Reader(folder, forks)
    try:
        yield there
    finally:
        there.leave()


def test_every_block_of_a_guide_is_run_or_says_why_not() -> None:
    """Every page of the tutorial is listed here, and every fence names its language."""
    assert {page.name for page in TUTORIAL} == {page.name for page in (DOCS / "tutorial").glob("*.md")}
    unnamed = [page.name for page in [*TUTORIAL, *HOW_TO] for block in blocks(page) if not block.language]
    fences = sum(page.read_text().count("```") for page in [*TUTORIAL, *HOW_TO])
    assert unnamed == []
    assert fences == 2 * sum(1 for page in [*TUTORIAL, *HOW_TO] for _ in blocks(page))
    assert set(DRAFT) <= {page.name for page in HOW_TO}
    assert sorted(DRAFT) == sorted(name for names in YOUNG for name in names)


@pytest.fixture(scope="module")
def one_reader(tmp_path_factory: pytest.TempPathFactory, forks: Forks) -> Iterator[Reader]:
    """One service for the tutorial, from its first page to its last, and then the how-to pages."""
    with reader(tmp_path_factory.mktemp("reader"), forks) as there:
        yield there


@pytest.mark.parametrize("page", TUTORIAL, ids=lambda page: page.stem)
def test_the_commands_of_the_tutorial_work_in_order(one_reader: Reader, page: Path) -> None:
    failed = one_reader.read(page)
    assert failed == [], "\n".join(failed)


@pytest.mark.parametrize("page", [page for page in HOW_TO if page.name not in DRAFT], ids=lambda page: page.stem)
def test_the_commands_of_a_how_to_page_work_after_the_tutorial(one_reader: Reader, page: Path) -> None:
    one_reader.ready()
    first, *_ = [block.text for block in blocks(DOCS / "README.md")]
    failed = one_reader.read(page, first)
    assert failed == [], "\n".join(failed)


@pytest.mark.parametrize("names", YOUNG, ids="+".join)
def test_a_page_about_releases_works_on_a_young_service(tmp_path: Path, forks: Forks, names: tuple[str, ...]) -> None:
    with reader(tmp_path, forks) as there:
        keep_some_cases(there.folder, 4)
        let_no_time_decide(there.folder)
        keep_cited_pages(there.folder)
        there.ready()
        first, *_ = [block.text for block in blocks(DOCS / "README.md")]
        before = [first, "app ingest docs --source handbook"]
        for name in names:
            failed = there.read(DOCS / "how-to" / name, *before, *DRAFT[name])
            assert failed == [], "\n".join(failed)
