import asyncio
import re
from collections.abc import Iterator
from uuid import uuid4

import pytest
from typer.testing import CliRunner

from app.cli import app
from app.core.embedded import Urls
from app.core.errors import Invalid
from app.retrieval.domain import EmbedderMismatch, IndexNotReady, PublishRequest
from app.settings import Settings
from app.wiring import build
from tests.cli.in_process import commands_in_this_process

RIVER = "The river Tarn rises on Mont Lozère."


@pytest.fixture
def run(database_urls: Urls, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[CliRunner]:
    with commands_in_this_process(
        database_urls,
        settings,
        monkeypatch,
        APP_DATABASE_OWNER_URL=database_urls.owner,
        APP_EMBEDDER="none",
        COLUMNS="140",
    ):
        yield CliRunner()


async def _put(urls: Urls, settings: Settings, tenant: str, text: str) -> int:
    """Publish a document, and return the number of the live index."""
    async with build(settings, urls) as state:
        await state.environments.resolve()
        tenant_id = await state.identity.ensure_tenant(tenant)
        request = PublishRequest(uuid4(), tenant_id, 1, "Rivers [draft]", "tests", "rivers.md", text)
        prepared = await state.retrieval.prepare(request)
        async with state.database.transaction(tenant_id) as connection:
            await state.retrieval.publish(connection, prepared)
        return (await state.retrieval.indexes.live()).number


def test_search_shows_passages_and_their_positions(run: CliRunner, database_urls: Urls, settings: Settings) -> None:
    tenant = f"tenant-{uuid4()}"
    asyncio.run(_put(database_urls, settings, tenant, RIVER))
    result = run.invoke(app, ["search", "Where does the Tarn rise?", "--tenant", tenant])
    assert result.exit_code == 0
    for expected in ("1. Rivers [draft]", RIVER, "rivers.md, characters 0 to 36", "corpus version 1"):
        assert expected in result.output
    nothing = run.invoke(app, ["search", "zebra", "--tenant", tenant])
    assert "Nothing was found." in nothing.output


def test_an_index_is_built_activated_and_deactivated(run: CliRunner, database_urls: Urls, settings: Settings) -> None:
    tenant = f"tenant-{uuid4()}"
    home = asyncio.run(_put(database_urls, settings, tenant, RIVER))
    built = run.invoke(app, ["index", "build", "--target", "60", "--whole", "80"])
    assert built.exit_code == 0, built.output
    number = re.search(r"Index (\d+) is ready", built.output)
    assert number
    listed = run.invoke(app, ["index", "list", "--tenant", tenant]).output
    assert "live" in listed
    assert "ready" in listed
    made = run.invoke(app, ["release", "create", "--index", number[1]]).output
    release = re.search(r"Release (\d+)", made)
    assert release, made
    live = run.invoke(app, ["release", "activate", release[1], "--break-glass", "--reason", "a test"])
    assert f"Release {release[1]} is live" in live.output
    assert RIVER in run.invoke(app, ["search", "Tarn", "--tenant", tenant]).output
    needed = run.invoke(app, ["index", "retire", str(home)])
    assert isinstance(needed.exception, IndexNotReady), "a rollback would go back to it"
    back = run.invoke(app, ["rollback", "--reason", "a test"])
    assert back.exit_code == 0, back.output
    assert f"Index {number[1]} is retired" in run.invoke(app, ["index", "retire", number[1]]).output
    listed = [line.split() for line in run.invoke(app, ["audit", "list"]).output.splitlines()]
    acts = [act for act in ("index.switch", "index.retire") for line in listed if act in line and number[1] in line]
    assert acts == ["index.switch", "index.retire"]
    assert "0 tenants" in run.invoke(app, ["index", "optimise"]).output


def test_an_unavailable_embedder_is_refused_with_the_setting_to_change(run: CliRunner) -> None:
    result = run.invoke(app, ["index", "build", "--embedder", "openai"])
    assert isinstance(result.exception, Invalid)
    assert "APP_EMBEDDER_NEXT=openai" in (result.exception.what_to_do or "")


def test_a_search_with_another_embedder_than_the_index_has_is_refused(
    run: CliRunner, database_urls: Urls, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant = f"tenant-{uuid4()}"
    asyncio.run(_put(database_urls, settings, tenant, RIVER))
    monkeypatch.setenv("APP_EMBEDDER", "openai")
    monkeypatch.setenv("APP_EMBEDDER_KEY", "not-used")
    result = run.invoke(app, ["search", "Tarn", "--tenant", tenant])
    assert isinstance(result.exception, EmbedderMismatch)
    assert "built with the embedder none" in result.exception.detail
