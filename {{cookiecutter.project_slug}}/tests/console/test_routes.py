"""The pages need no key, because they hold no data; they load only files that are shipped."""

import re
import tomllib
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from app.console.service import FOLDER, FRAME, PAGES, ConsolePage, addresses, files, render
from app.core.errors import Conflict, StartRefused
from app.main import create_app
from app.wiring import State
from tests.conftest import ROOT

SCRIPTS = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.js")}


def anonymous(state: State) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=create_app(state), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://service")


@pytest.mark.parametrize("address", [page.address for page in PAGES])
async def test_a_page_may_load_and_ask_only_this_service(state: State, address: str) -> None:
    async with anonymous(state) as nobody:
        page = await nobody.get(address)
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    rules = dict(rule.split(" ", 1) for rule in page.headers["content-security-policy"].split("; "))
    assert rules == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "connect-src": "'self'",
        "img-src": "'self' data:",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "'none'",
    }
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize("address", [page.address for page in PAGES])
async def test_every_file_that_a_page_loads_exists(state: State, address: str) -> None:
    async with anonymous(state) as nobody:
        page = (await nobody.get(address)).text
        loaded = re.findall(r"(?:src|href)=\"(files/[^\"]+)\"", page)
        assert {name.rpartition(".")[2] for name in loaded} == {"js", "css", "svg"}
        while loaded:
            reply = await nobody.get(f"/console/{loaded.pop()}")
            assert reply.status_code == 200
            assert reply.headers["x-content-type-options"] == "nosniff"
            loaded += [f"files/{name}" for name in re.findall(r"from \"\./([^\"]+)\"", reply.text)]


async def test_a_file_that_has_not_changed_is_not_sent_again(state: State) -> None:
    async with anonymous(state) as nobody:
        first = await nobody.get("/console/files/dom.js")
        again = await nobody.get("/console/files/dom.js", headers={"If-None-Match": first.headers["etag"]})
        other = await nobody.get("/console/files/dom.js", headers={"If-None-Match": '"another"'})
    assert first.headers["cache-control"] == "no-cache"
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    assert other.status_code == 200


@pytest.mark.parametrize("name", ["..%2fservice.py", "console.html", "service.py", "nothing.js", "%2e%2e/routes.py"])
async def test_nothing_else_is_served(state: State, name: str) -> None:
    async with anonymous(state) as nobody:
        assert (await nobody.get(f"/console/files/{name}")).status_code == 404


def test_every_file_of_the_folder_is_served_and_packed() -> None:
    assert set(files()) == {path.name for path in FOLDER.iterdir()}
    packed = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]["package-data"]
    matches = {path for pattern in packed["app.console"] for path in FOLDER.parent.glob(pattern)}
    assert matches == {*FOLDER.iterdir(), FRAME}


@pytest.mark.parametrize("name", ["FOLDER", "FRAME"])
def test_a_console_that_is_not_installed_as_a_whole_refuses_the_start(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"app.console.service.{name}", tmp_path / "console.html" if name == "FRAME" else tmp_path)
    lacks = "console.html" if name == "FRAME" else "budgets.js"
    with pytest.raises(StartRefused, match=rf"The console lacks {lacks}"):
        files.__wrapped__()


def test_no_page_and_no_script_names_a_foreign_host() -> None:
    texts = {name: file.content.decode() for name, file in files().items()} | {
        each.name: render(each) for each in PAGES
    }
    for name, content in texts.items():
        text = content.replace("http://www.w3.org/2000/svg", "")
        assert re.findall(r"(?:https?:)?//[a-z0-9-]+\.[a-z]+", text) == [], name


@pytest.mark.parametrize("name", SCRIPTS)
def test_no_script_parses_text_as_markup(name: str) -> None:
    sinks = r"(?:inner|outer|Adjacent)HTML|document\.write|DOMParser|createContextualFragment|\beval\b|Function\("
    assert re.findall(sinks, SCRIPTS[name]) == []


def test_the_key_is_stored_in_the_tab_only() -> None:
    storage = re.compile(r"(?:local|session)Storage|cookie|indexedDB")
    storing = {name: text for name, text in SCRIPTS.items() if storage.search(text)}
    assert set(storing) == {"api.js", "keys.js"}
    assert "localStorage" not in storing["api.js"]
    assert "sessionStorage" not in storing["keys.js"]


async def test_without_a_key_there_is_no_data(state: State) -> None:
    addresses_called = {each for text in SCRIPTS.values() for each in re.findall(r"[\"`](v1/[a-z/-]+)", text)}
    assert {"v1/caller", "v1/reviews", "v1/budgets", "v1/costs", "v1/costs/units"} <= addresses_called
    async with anonymous(state) as nobody:
        for path in (path for path in addresses_called if not path.endswith("/")):
            reply = await nobody.get(f"/{path}")
            assert (reply.status_code, reply.json()["code"]) == (401, "key_required"), path


async def test_the_console_can_be_switched_off(state: State) -> None:
    off = replace(state, settings=state.settings.model_copy(update={"console": False}))
    async with anonymous(off) as nobody:
        for address in addresses():
            assert (await nobody.get(address)).status_code == 404


async def test_the_page_opens_while_no_release_is_served(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(state.environments), "closed", lambda self: Conflict("closed for a test"))
    async with anonymous(state) as nobody:
        assert (await nobody.get("/console/")).status_code == 200
        assert (await nobody.get("/console/files/dom.js")).status_code == 200
        assert (await nobody.get("/v1/reviews")).status_code == 409


async def test_the_caller_route_describes_the_key(client: httpx.AsyncClient, state: State, tenant: object) -> None:
    caller = (await client.get("/v1/caller")).json()
    assert (caller["name"], caller["roles"], caller["groups"]) == ("test", ["admin", "service"], [])
    assert {"reviews:decide", "costs:read"} <= set(caller["permissions"])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.title)
def test_a_page_holds_nothing_but_its_frame_and_is_marked_in_the_navigation(page: ConsolePage) -> None:
    text = render(page)
    assert re.search(r"<main[^>]*></main>", text)
    assert re.findall(r"<script(?![^>]*src=)|\son[a-z]+=|\sstyle=", text) == []
    links = re.findall(r'<a href="([^"]+)" data-needs="([^"]+)"( aria-current="page")?>([^<]+)</a>', text)
    assert [(link, title) for link, _, _, title in links] == [(each.link, each.title) for each in PAGES if each.needs]
    assert [title for *_, current, title in links if current] == ([page.title] if page.needs else [])


def colours(css: str) -> list[dict[str, str]]:
    """The named colours of the light scheme and of the dark one."""
    light, dark = re.findall(r":root \{(.*?)\}", css, re.S)[:2]
    found = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", light))
    return [found, found | dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6})", dark))]


def contrast(one: str, other: str) -> float:
    """Source: WCAG 2.2, relative luminance and contrast ratio."""

    def luminance(colour: str) -> float:
        parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


PAIRS = [(ink, paper) for ink in ("text", "quiet", "accent", "bad", "warn") for paper in ("card", "back", "chosen")]
PAIRS += [("on-accent", "accent"), ("card", "bad"), ("bad", "bad-back"), ("good", "good-back"), ("text", "warn-back")]
PAIRS += [("text", "bad-back"), ("text", "good-back")]


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_every_text_can_be_read_on_its_ground(scheme: int) -> None:
    named = colours(files()["console.css"].content.decode())[scheme]
    assert {pair: round(ratio, 2) for pair in PAIRS if (ratio := contrast(*(named[name] for name in pair))) < 4.5} == {}
