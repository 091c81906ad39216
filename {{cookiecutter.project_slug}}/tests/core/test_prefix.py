"""Behind a proxy: under a prefix, which the proxy takes off or leaves on, with the address of the caller."""

from collections.abc import AsyncIterator
from dataclasses import replace
from ipaddress import IPv4Network

import httpx
import pytest
import pytest_asyncio

from app.core.errors import StartRefused
from app.core.options import ServerLimits
from app.core.server import make_server
from app.main import create_app
from app.settings import Settings, load_settings
from app.wiring import State
from tests.conftest import ROOT, override


@pytest_asyncio.fixture
async def prefixed(state: State, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[httpx.AsyncClient]:
    before = state.settings.root_path
    override(state.settings, root_path="/answers")
    transport = httpx.ASGITransport(app=create_app(state))
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        yield client
    override(state.settings, root_path=before)


@pytest.mark.parametrize("on_the_way", ["/answers", ""], ids=["left on", "taken off"])
async def test_docs_console_health_and_the_api_work_under_a_prefix(
    prefixed: httpx.AsyncClient, key: str, on_the_way: str
) -> None:
    docs = (await prefixed.get(f"{on_the_way}/docs")).text
    assert "/answers/docs/files/swagger-ui-bundle.js" in docs
    assert "/answers/openapi.json" in docs
    assert (await prefixed.get(f"{on_the_way}/docs/files/swagger-ui.css")).status_code == 200
    described = (await prefixed.get(f"{on_the_way}/openapi.json")).json()
    assert described["servers"] == [{"url": "/answers"}]
    assert (await prefixed.get(f"{on_the_way}/health/live")).json() == {"status": "ok"}
    moved = await prefixed.get(f"{on_the_way}/console")
    assert httpx.URL(moved.headers["location"]).path == "/answers/console/"
    assert "<html" in (await prefixed.get(f"{on_the_way}/console/")).text
    listed = await prefixed.get(f"{on_the_way}/v1/documents", headers={"authorization": f"Bearer {key}"})
    assert listed.status_code == 200


async def test_overload_is_noticed_under_a_prefix_before_it_is_taken_off(state: State) -> None:
    chosen = replace(state, settings=state.settings.model_copy(update={"root_path": "/answers", "max_uploads": 0}))
    control = create_app(chosen).state.admission
    for path in ("/answers/v1/documents", "/v1/documents"):
        rejection = control.rejection(path, [])
        assert rejection is not None
        assert path.encode() in rejection.body
    assert control.rejection("/answers/v1/caller", []) is None
    assert control.rejection("/answers/health/live", []) is None


@pytest.mark.parametrize(
    ("proxies", "seen"), [((), "127.0.0.1"), (("10.0.0.0/8",), "127.0.0.1"), (("127.0.0.1",), "192.0.2.7")]
)
async def test_the_address_of_a_caller_is_taken_from_named_proxies_alone(proxies: tuple[str, ...], seen: str) -> None:
    async def echo(scope: object, receive: object, send: object) -> None:
        assert isinstance(scope, dict)
        assert callable(send)
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": scope["client"][0].encode()})

    server = make_server(echo, "127.0.0.1", 0, ServerLimits(proxies=proxies), None)  # type: ignore[arg-type]
    config = server.config
    config.load()
    transport = httpx.ASGITransport(app=config.loaded_app, client=("127.0.0.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        assert (await client.get("/", headers={"x-forwarded-for": "192.0.2.7"})).text == seen


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("APP_TRUSTED_PROXIES", '["proxy.internal"]', "APP_TRUSTED_PROXIES: .*not a valid IPv4 network"),
        ("APP_ROOT_PATH", "answers/", "APP_ROOT_PATH: "),
    ],
)
def test_a_proxy_or_a_prefix_that_is_none_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, sentence: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(StartRefused, match=sentence):
        load_settings()


def test_the_settings_reach_the_server_and_a_connection_outlives_that_of_a_proxy() -> None:
    """Most proxies keep theirs for a minute; the service must not be the one that closes it."""

    async def nothing(*_: object) -> None:
        pass

    limits = Settings(root=ROOT, trusted_proxies=(IPv4Network("10.0.0.0/8"),), _env_file=None).server_limits()
    config = make_server(nothing, "127.0.0.1", 0, limits, None).config
    assert (config.timeout_keep_alive, config.proxy_headers) == (75, True)
    assert config.forwarded_allow_ips == ["10.0.0.0/8"]
