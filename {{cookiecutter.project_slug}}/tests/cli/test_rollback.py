"""`app rollback`, as it is called when something burns: in a process of its own, whatever is in the working folder."""

import shutil
import subprocess
from pathlib import Path

import pytest

from app.core.embedded import Urls
from app.releases.domain import FilesRefused, NotApproved, Release
from app.settings import Settings
from app.setup.rollback import open_rollouts
from app.wiring import build
from tests.cli.own_process import run_alone
from tests.conftest import ROOT, TESTED

NEVER_LOADED = {
    "aiohttp",
    "app.evaluation",
    "app.governance",
    "app.inference.service",
    "app.ingestion.service",
    "app.retrieval.service.retrieval",
    "app.review",
    "app.wiring",
    "fastapi",
    "httpx",
    "numpy",
    "onnxruntime",
    "procrastinate",
    "starlette",
}
"""What answering and HTTP need, and a rollback does not: most of the time that a process takes to start."""
MODULES = 1000
"""The modules that a rollback loads are fewer than this; all services take over 1,200."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A working folder with every file broken that makes a release."""
    shutil.copytree(ROOT / "migrations", tmp_path / "migrations")
    for name in ("policies", "evals", "prompts"):
        (tmp_path / name).mkdir()
    for policy in (TESTED / "policies").glob("*.yaml"):
        (tmp_path / "policies" / policy.name).write_text("owner: [")
    (tmp_path / "evals" / "questions.jsonl").write_text("{")
    return tmp_path


def rollback(folder: Path, urls: Urls, embedder: str = "none") -> tuple[subprocess.CompletedProcess[str], set[str]]:
    variables = {"APP_ROOT": str(folder), "DATABASE_URL": urls.service, "APP_EMBEDDER": embedder}
    return run_alone(folder, "rollback", "--reason", "it burns", "--environment", "staging", **variables)


async def on_staging(urls: Urls, settings: Settings) -> tuple[Release, Release]:
    """Two releases that were activated on staging, one after the other."""
    async with build(settings, urls) as state:
        await state.environments.resolve()
        older = await state.releases.create("ana", reason="a test")
        newer = await state.releases.create("ana", changes={"retrieval.dense_weight": 0.31}, reason="a test")
        for release in (older, newer):
            await state.rollouts.activate("ana", release.id, "a test", "staging")
    return older, newer


async def live_on_staging(urls: Urls, settings: Settings) -> str:
    async with build(settings, urls) as state:
        return (await state.environments.pointed("staging")).id


async def test_a_rollback_needs_no_file_of_the_working_folder_and_loads_only_what_it_uses(
    folder: Path, database_urls: Urls, settings: Settings
) -> None:
    older, _ = await on_staging(database_urls, settings)
    done, loaded = rollback(folder, database_urls)
    assert done.returncode == 0, done.stderr
    assert f"Release {older.number} is live in staging." in done.stdout
    assert await live_on_staging(database_urls, settings) == older.id
    assert not NEVER_LOADED & loaded
    assert len(loaded) < MODULES


async def test_a_release_that_cannot_be_served_here_is_not_rolled_back_to(
    folder: Path, database_urls: Urls, settings: Settings
) -> None:
    _, newer = await on_staging(database_urls, settings)
    refused, _ = rollback(folder, database_urls, embedder="minilm")
    assert refused.returncode == 1
    assert "was built with the embedder none" in refused.stderr
    assert await live_on_staging(database_urls, settings) == newer.id


async def test_nothing_but_a_rollback_goes_live_by_its_smaller_composition(
    database_urls: Urls, settings: Settings
) -> None:
    _, draft = await on_staging(database_urls, settings)
    async with open_rollouts(settings, database_urls) as rollouts:
        with pytest.raises(NotApproved):
            await rollouts.activate("ana", draft.id, "a test", "production", break_glass=True)
        with pytest.raises(FilesRefused):
            await rollouts.releases.create("ana", reason="a test")
