import sys

import pytest

from app.adapters.parsers import pool


@pytest.fixture(autouse=True)
def own_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are parsed in processes that are no forks: their start, limits and memory are tested here."""
    monkeypatch.setattr(pool, "sys", sys)
