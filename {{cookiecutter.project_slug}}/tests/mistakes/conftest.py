"""One file for each of the twelve mistakes, each on the real path: HTTP in, the database beneath."""

import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from app.wiring import State
from tests.conftest import TESTED, adopt
from tests.governance.conftest import House
from tests.governance.conftest import house as house_apart
from tests.inference.conftest import house, open_service, quoting, service, shared_services
from tests.ingestion.conftest import ingest, search, send, work

__all__ = [
    "house",
    "house_apart",
    "ingest",
    "open_service",
    "quoting",
    "search",
    "send",
    "service",
    "shared_services",
    "work",
]

Change = Callable[[str, str, str], Path]


@pytest.fixture
def change(tmp_path: Path) -> Change:
    """Replaces a text in a policy of a copied service; returns the copy's folder."""
    for name in ("policies", "prompts", "migrations"):
        shutil.copytree(TESTED / name, tmp_path / name)

    def replace(policy: str, old: str, new: str) -> Path:
        path = tmp_path / "policies" / f"{policy}.yaml"
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")
        return tmp_path

    return replace


@pytest_asyncio.fixture
async def house_of_releases(house_apart: Callable[..., House], state: State) -> AsyncIterator[Callable[..., House]]:
    """A production apart, whose moves push out of memory what the run's own one serves: that is taken in again."""
    yield house_apart
    await adopt(state)
