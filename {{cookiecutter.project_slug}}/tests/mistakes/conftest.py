"""One file for each of the twelve mistakes, each on the real path: HTTP in, the database beneath."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.governance.conftest import house as house_of_releases
from tests.inference.conftest import house, open_service, quoting, service
from tests.ingestion.conftest import ingest, search, send, work

__all__ = ["house", "house_of_releases", "ingest", "open_service", "quoting", "search", "send", "service", "work"]

Change = Callable[[str, str, str], Path]


@pytest.fixture
def change(tmp_path: Path) -> Change:
    """Replaces a text in a policy of a copied service; returns the copy's folder."""
    for name in ("policies", "prompts", "migrations"):
        shutil.copytree(ROOT / name, tmp_path / name)

    def replace(policy: str, old: str, new: str) -> Path:
        path = tmp_path / "policies" / f"{policy}.yaml"
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")
        return tmp_path

    return replace
