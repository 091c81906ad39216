"""`app run` names the live release, and `app serve` reports when its files differ from it."""

import shutil
from pathlib import Path

import pytest

from tests.conftest import TESTED
from tests.e2e.conftest import Start


@pytest.mark.slow
def test_the_first_release_says_so_and_changed_files_say_what_to_do(tmp_path: Path, forked_start: Start) -> None:
    root, data = tmp_path / "root", tmp_path / "data"
    for name in ("policies", "prompts", "migrations", "evals"):
        shutil.copytree(TESTED / name, root / name)
    first = forked_start(data, APP_ROOT=str(root), APP_EMBEDDER="none")
    assert first.stop() == 0
    assert "is the first one here: it approved itself." in first.printed
    assert "differ from release" not in first.printed
    assert "releases.local_files_differ" not in first.printed

    prompt = root / "prompts" / "answer.md"
    prompt.write_text(prompt.read_text() + "\nBe brief.\n")
    changed = forked_start(data, APP_ROOT=str(root), APP_EMBEDDER="none")
    assert changed.stop() == 0
    assert "Your prompts differ from release 1, which is live." in changed.printed
    assert "app release create --staging" in changed.printed
    assert "approved itself" not in changed.printed
    warnings = [line for line in changed.printed.splitlines() if "releases.local_files_differ" in line]
    assert warnings
    assert all("prompts" in line for line in warnings)
