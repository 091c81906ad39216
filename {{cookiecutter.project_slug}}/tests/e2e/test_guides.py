"""Every shell block of the tutorial and of the how-to pages works, in the order in which a reader meets it."""

import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.e2e.guide import Reader, blocks

DOCS = ROOT / "docs"
TUTORIAL = [DOCS / "tutorial" / f"{name}.md" for name in ("first-answer", "own-documents", "own-model", "own-actions")]
HOW_TO = sorted((DOCS / "how-to").glob("*.md"))
DRAFT = {
    "approve-a-release.md": [
        "app release create --from 1 --set retrieval.dense_weight=0.3 --reason 'less weight for vectors'",
        "app evaluate --release 2",
    ],
    "build-and-switch-an-index.md": [],
    "write-an-evaluation-case.md": [],
    "release-and-roll-back.md": ["echo 'Be brief.' >> prompts/answer.md"],
}
"""Pages that name releases by number, or measure one, start on a service with one release, after these commands."""


@contextmanager
def reader(folder: Path) -> Iterator[Reader]:
    """Somebody with a folder of the service. The risk is low, so that one person may take every step alone."""
    for name in ("docs", "evals", "migrations", "policies", "prompts"):
        shutil.copytree(ROOT / name, folder / name)
    ownership = folder / "policies" / "ownership.yaml"
    ownership.write_text(re.sub(r"^risk_tier: .*$", "risk_tier: low", ownership.read_text(), flags=re.M))
    (folder / ".venv").symlink_to(Path(sys.prefix))
    there = Reader(folder)
    try:
        yield there
    finally:
        there.leave()


def test_every_block_of_a_guide_is_run_or_says_why_not() -> None:
    """The tutorial's pages are all known here, and every fence names its language."""
    assert {page.name for page in TUTORIAL} == {page.name for page in (DOCS / "tutorial").glob("*.md")}
    unnamed = [page.name for page in [*TUTORIAL, *HOW_TO] for block in blocks(page) if not block.language]
    fences = sum(page.read_text().count("```") for page in [*TUTORIAL, *HOW_TO])
    assert unnamed == []
    assert fences == 2 * sum(1 for page in [*TUTORIAL, *HOW_TO] for _ in blocks(page))
    assert set(DRAFT) <= {page.name for page in HOW_TO}


@pytest.mark.slow
def test_the_tutorial_and_the_pages_after_it_work_as_they_stand(tmp_path: Path) -> None:
    with reader(tmp_path) as there:
        failed = [line for page in TUTORIAL for line in there.read(page)]
        there.ready()
        first, *_ = [block.text for block in blocks(DOCS / "README.md")]
        for page in HOW_TO:
            if page.name not in DRAFT:
                failed += there.read(page, first)
    assert failed == [], "\n".join(failed)


@pytest.mark.slow
@pytest.mark.parametrize("name", DRAFT)
def test_a_page_about_releases_works_on_a_young_service(tmp_path: Path, name: str) -> None:
    with reader(tmp_path) as there:
        there.ready()
        first, *_ = [block.text for block in blocks(DOCS / "README.md")]
        failed = there.read(DOCS / "how-to" / name, first, "app ingest docs --source handbook", *DRAFT[name])
    assert failed == [], "\n".join(failed)
