"""What was planted in every store leaves by no way out: no credential, no active link or image, no instructions."""

import re
import shutil
from collections.abc import AsyncIterator, Iterator, Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import orjson
import pytest
import pytest_asyncio
import yaml
from fastapi.routing import APIRoute
from typer.testing import CliRunner

from app.cli import app
from app.cli.commands import COMMANDS as LISTED
from app.cli.commands import load
from app.core.embedded import Urls
from app.main import ROUTERS
from app.settings import Settings
from tests.cli.in_process import commands_in_this_process
from tests.conftest import TESTED
from tests.core.test_redaction import found_in
from tests.inference.conftest import PRICES, Service, SharedServices, shared_services
from tests.safety.planted_secrets import FOREIGN, IBAN, KINDS, MAIL, MARK, Planted, secret
from tests.safety.ways_out import COMMANDS, PROVISIONING, ROUTES, SHOWS, WITH_PROMPTS

__all__ = ["shared_services"]


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory, settings: Settings) -> Path:
    """A service folder of its own, whose policy masks personal data in answers."""
    folder = tmp_path_factory.mktemp("planted")
    for part in ("policies", "prompts", "migrations", "evals", "docs"):
        shutil.copytree(TESTED / part, folder / part)
    with (folder / "policies" / "cost.yaml").open("a") as file:
        file.write(PRICES)
    privacy = folder / "policies" / "privacy.yaml"
    rules = yaml.safe_load(privacy.read_text())
    rules["personal_data"]["answers"] = "mask"
    privacy.write_text(yaml.safe_dump(rules))
    return folder


@pytest_asyncio.fixture(scope="module")
async def planted(shared_services: SharedServices, database_urls: Urls) -> AsyncIterator[Planted]:
    service: Service = await shared_services.fresh(models=1)
    key = (await service.state.identity.create_key(service.tenant, "all", ["admin", "service"])).text
    async with service.client(key) as client:
        made = Planted(service, client, database_urls.owner)
        await made.plant()
        yield made


def path_of(template: str, ids: dict[str, str]) -> str:
    return re.sub(r"{(\w+)}", lambda found: quote(ids[found[1]], safe=""), template)


async def shown(planted: Planted, template: str) -> httpx.Response:
    query = {"/v1/releases/at": {"time": "2026-01-01T00:00:00Z"}}.get(template, {})
    reply = await planted.client.get(path_of(template, planted.ids), params=query)
    assert reply.is_success, (template, reply.text)
    return reply


def routes() -> set[str]:
    every = [route for router in ROUTERS.values() for route in router.routes]
    read = {route.path for route in every if isinstance(route, APIRoute) and "GET" in route.methods}
    return {path.replace(":path}", "}") for path in read if not path.startswith(PROVISIONING)}


def test_each_route_that_is_read_is_in_the_table() -> None:
    assert routes() == set(ROUTES)


@pytest.mark.parametrize("template", [path for path, says in ROUTES.items() if says == SHOWS])
async def test_a_route_shows_texts_without_what_may_not_leave(planted: Planted, template: str) -> None:
    reply = await shown(planted, template)
    assert MARK in reply.text
    check(reply.text, planted, prompts=template in WITH_PROMPTS)
    if reply.headers["content-type"].startswith("text/html"):
        assert loaded_by(reply.text) == []


def commands(of: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Each command by its words, below the groups that it is in."""
    for name, command in of.items():
        below = getattr(command, "commands", None)
        yield from commands(below, f"{above}{name} ") if below else [(above + name, command)]


EVERY = dict(commands({name: load(name) for name in LISTED if name != "extensions"}))


def test_each_command_is_in_the_table() -> None:
    assert set(EVERY) == set(COMMANDS)


@pytest.mark.parametrize("name", [name for name, says in COMMANDS.items() if not isinstance(says, str)])
def test_a_command_prints_texts_without_what_may_not_leave(
    planted: Planted, name: str, database_urls: Urls, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = planted.service.state.settings
    words = [path_of(word, planted.ids) if "{" in word else word for word in COMMANDS[name]]
    whose = ["--tenant", planted.tenant_name] if any("--tenant" in each.opts for each in EVERY[name].params) else []
    variables = {"APP_EMBEDDER": "none", "COLUMNS": "1000", "APP_MODEL_CHAIN": chain_of(settings)}
    with commands_in_this_process(database_urls, settings, monkeypatch, **variables):
        done = CliRunner().invoke(app, [*words, *whose])
    assert done.exit_code in (0, 1), done.output
    assert MARK in done.output, done.output
    check(done.output, planted, prompts=name in WITH_PROMPTS)


def chain_of(settings: Settings) -> str:
    return orjson.dumps([each.model_dump(mode="json", exclude_defaults=True) for each in settings.model_chain]).decode()


def check(text: str, planted: Planted, prompts: bool = False) -> None:
    assert [kind for kind in KINDS if secret(kind) in text or kind in found_in(text)] == []
    assert planted.canary not in text
    assert prompts or planted.instructions not in text
    assert MAIL not in text
    assert IBAN not in text


class _Addresses(HTMLParser):
    """Each attribute with the foreign host in it, and each element that a text made."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [f"{tag} {name}" for name, value in attrs if FOREIGN in (value or "")]
        self.found += [tag for _ in range(tag in ("img", "script", "a", "iframe"))]


def loaded_by(page: str) -> list[str]:
    parser = _Addresses()
    parser.feed(page)
    return parser.found
