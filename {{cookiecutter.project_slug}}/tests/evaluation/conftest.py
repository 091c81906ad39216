"""A service with a small corpus and a small suite of its own."""

import json
import shutil
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from app.core.embedded import Urls
from app.settings import Settings
from app.wiring import State, build

TOWER = (
    "# Lighthouse\n\nThe lighthouse of Karlen was built in 1874 by the engineer Marta Holm. "
    "Its lamp can be seen from 32 kilometres away.\n"
)
BRIDGE = (
    "# Bridge\n\nThe bridge over the Sarn was opened to traffic in 1931. Its main span measures 410 metres. "
    "Tolls were abolished in 1964.\n"
)
SECRET = "# Vault\n\nThe vault below the bridge holds nine crates of silver. Its keeper is Ole Brandt.\n"

CASES: list[dict[str, Any]] = [
    {
        "id": "tower",
        "question": "When was the lighthouse of Karlen built?",
        "facts": [["1874"]],
        "sources": [{"uri": "tower.md"}],
        "slices": ["answerable"],
        "protected": True,
    },
    {
        "id": "span",
        "question": "How long is the main span of the bridge?",
        "facts": [["410 metres"]],
        "answer": "The main span measures 410 metres.",
        "sources": [{"uri": "bridge.md"}],
        "slices": ["answerable"],
    },
    {
        "id": "vault",
        "question": "How many crates of silver does the vault hold?",
        "facts": [["nine"]],
        "sources": [{"uri": "vault.md"}],
        "groups": ["keepers"],
        "slices": ["access_restricted"],
    },
    {
        "id": "vault-outsider",
        "question": "How many crates of silver does the vault hold?",
        "should_refuse": True,
        "forbidden_sources": ["vault.md"],
        "slices": ["access_restricted"],
    },
    {"id": "wine", "question": "Which wine goes with salmon?", "should_refuse": True, "slices": ["off_topic"]},
]


@dataclass
class House:
    """A service folder whose documents, cases and prompts a test may change."""

    root: Path
    tenant: str

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def suite(self, cases: list[dict[str, Any]], name: str = "golden") -> None:
        self.write(f"evals/{name}.jsonl", "\n".join(json.dumps({"tenant": self.tenant, **case}) for case in cases))


@pytest.fixture
def house(tmp_path: Path, settings: Settings) -> House:
    for name in ("policies", "prompts", "migrations"):
        shutil.copytree(settings.root / name, tmp_path / name)
    made = House(tmp_path, f"evaluation-{uuid4().hex}")
    made.write("library/tower.md", TOWER)
    made.write("library/bridge.md", BRIDGE)
    made.write("closed/vault.md", SECRET)
    folders = [
        {"path": "library", "tenant": made.tenant, "source": "stones"},
        {"path": "closed", "tenant": made.tenant, "source": "stones", "groups": ["keepers"]},
    ]
    made.write("evals/corpus.json", json.dumps({"folders": folders}))
    made.suite(CASES)
    return made


Opened = Callable[..., Any]


@pytest_asyncio.fixture
async def service(house: House, settings: Settings, database_urls: Urls) -> AsyncIterator[State]:
    async with build(settings.model_copy(update={"root": house.root}), database_urls) as built:
        yield built
