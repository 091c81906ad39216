"""A service says which version of its template it has, wherever an operator looks, and runs without knowing it."""

import json
import shutil
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from app.core.embedded import Urls
from app.core.template_record import RECORD, TemplateRecord
from app.governance.domain.markdown_card import markdown
from app.governance.service.html_card import html_card
from app.main import create_app
from app.settings import Settings
from app.setup.retrieval_room import open_retrieval_room
from app.wiring import build
from tests.conftest import ROOT

COMMIT = "8d57dc9fa1b5e48265c65149e480c92634d2dd73"


def recorded(folder: Path, settings: Settings, text: str | None) -> Settings:
    for name in ("policies", "prompts", "migrations", "evals"):
        shutil.copytree(ROOT / name, folder / name)
    if text is not None:
        (folder / RECORD).write_text(text, encoding="utf-8")
    return settings.model_copy(update={"root": folder})


@pytest.mark.parametrize(
    ("text", "version", "said"),
    [
        (json.dumps({"version": "0.4.0", "commit": COMMIT}), "0.4.0", "0.4.0, commit 8d57dc9fa1b5"),
        (json.dumps({"version": "0.4.0", "commit": None}), "0.4.0", "0.4.0"),
        (json.dumps({"commit": COMMIT}), "unknown", "unknown, commit 8d57dc9fa1b5"),
        ("[]", "unknown", "unknown"),
        ("{", "unknown", "unknown"),
        (None, "unknown", "unknown"),
    ],
)
def test_a_record_says_version_and_commit_as_far_as_it_knows_them(
    tmp_path: Path, text: str | None, version: str, said: str
) -> None:
    if text is not None:
        (tmp_path / RECORD).write_text(text, encoding="utf-8")
    record = TemplateRecord.of(tmp_path)
    assert (record.version, str(record)) == (version, said)


async def test_readiness_and_the_model_card_name_the_template(
    settings: Settings, database_urls: Urls, tmp_path: Path
) -> None:
    text = json.dumps({"version": "7.8.9", "commit": COMMIT})
    async with build(recorded(tmp_path / "service", settings, text), database_urls) as state:
        tenant = await state.identity.ensure_tenant(f"tenant-{uuid4().hex}")
        key = await state.identity.create_key(tenant, "reader", ["service"])
        headers = {"Authorization": f"Bearer {key.text}"}
        transport = httpx.ASGITransport(app=create_app(state))
        async with httpx.AsyncClient(transport=transport, base_url="http://service", headers=headers) as client:
            ready = (await client.get("/health/ready")).json()
            shown = (await client.get("/v1/governance")).json()
        card = await state.governance.card()
    assert ready["template"] == "7.8.9"
    assert shown["template"] == "7.8.9, commit 8d57dc9fa1b5"
    assert "| template | 7.8.9, commit 8d57dc9fa1b5 |" in markdown(card)
    assert "<dt>Template</dt><dd>7.8.9, commit 8d57dc9fa1b5</dd>" in html_card(card)


async def test_a_room_that_runs_alone_names_the_template(
    settings: Settings, database_urls: Urls, tmp_path: Path
) -> None:
    async with open_retrieval_room(
        recorded(tmp_path / "service", settings, '{"version": "7.8.9"}'), database_urls
    ) as room:
        assert room.health.template == "7.8.9"
