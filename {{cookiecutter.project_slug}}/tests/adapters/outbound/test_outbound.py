"""Every family of outgoing calls honours proxies, exceptions from them, and certificate authorities."""

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Any

import httpx
import pytest
import pytest_asyncio
from aiohttp import web
from structlog.testing import capture_logs

from app.adapters.chat.openai import OpenAIChat, openai_endpoint
from app.adapters.embeddings.openai import make_openai_embedder
from app.adapters.oidc.provider import OpenIdProvider
from app.adapters.outbound import failure_reason, make_client, make_requests_session, make_transport
from app.adapters.rooms.retrieval import make_remote_search
from app.adapters.webhooks import HttpWebhookTransport, PublicAddresses
from app.core import telemetry
from app.core.clock import Deadline, SystemClock
from app.core.outbound import OutboundRules
from app.llm.domain.errors import ModelUnreachable
from app.llm.domain.messages import ChatRequest, Message
from app.llm.domain.retry import RetryBudget
from app.webhooks.domain import DeliveryFailed, Target
from tests.adapters.outbound.network import DIMENSIONS, HOST, PASSWORD, Network, open_network
from tests.adapters.test_webhooks import FixedResolver
from tests.conftest import ROOT

REQUEST = ChatRequest((Message("system", "Answer."), Message("user", "Who?")), 50, 0.0)
CLOCK = SystemClock()
NO_RETRIES = partial(RetryBudget, capacity=0, tokens=0)


@pytest_asyncio.fixture(scope="module")
async def opened(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Network]:
    async with open_network(tmp_path_factory.mktemp("network")) as network:
        yield network


@pytest.fixture
def network(opened: Network) -> Network:
    opened.proxy.asked.clear()
    opened.proxy.password = None
    return opened


def soon() -> Deadline:
    return Deadline.after(600, CLOCK)


async def chat(rules: OutboundRules, url: str) -> object:
    async with make_transport(rules=rules) as transport:
        model = OpenAIChat(openai_endpoint("m", f"{url}/v1", "m"), transport, CLOCK)
        return (await model.complete(REQUEST, soon())).text


async def embed(rules: OutboundRules, url: str) -> object:
    embedder = replace(
        make_openai_embedder(f"{url}/v1", (), "m", DIMENSIONS, rules=rules), retries=NO_RETRIES(), random_fraction=int
    )
    try:
        return (await embedder.embed_passages(["a"])).tokens
    finally:
        await embedder.close()


async def ask_identity_provider(rules: OutboundRules, url: str) -> object:
    return (await OpenIdProvider(url, CLOCK, rules).metadata()).jwks_uri


async def send_webhook(rules: OutboundRules, url: str) -> object:
    return await HttpWebhookTransport(600, rules=rules).post(Target(f"{url}/hook", private=True), {}, b"{}")


async def call_room(rules: OutboundRules, url: str) -> object:
    search = make_remote_search(url, b"k" * 32, CLOCK, rules)
    try:
        return (await search.client.get("/internal/v1/ready", soon())).status
    finally:
        await search.close()


async def export(rules: OutboundRules, url: str) -> object:
    session = make_requests_session(rules)
    return (await asyncio.to_thread(session.post, f"{url}/v1/traces", b"")).status_code


FAMILIES: dict[str, Callable[[OutboundRules, str], Awaitable[object]]] = {
    "chat": chat,
    "embeddings": embed,
    "identity provider": ask_identity_provider,
    "webhooks": send_webhook,
    "rooms": call_room,
    "telemetry": export,
}


def through(network: Network, **changes: Any) -> OutboundRules:
    return replace(OutboundRules(network.proxy.url, network.proxy.url, ca_file=network.ca_file), **changes)


@pytest.mark.parametrize("family", FAMILIES)
async def test_a_call_goes_through_the_proxy(network: Network, family: str) -> None:
    assert await FAMILIES[family](through(network), f"https://{HOST}")
    assert set(network.proxy.asked) == {f"CONNECT {HOST}:443"}


@pytest.mark.parametrize("family", FAMILIES)
async def test_a_call_to_an_authority_that_is_not_trusted_fails_and_says_so(network: Network, family: str) -> None:
    with capture_logs(), pytest.raises(Exception, match=r"(?i)certificate") as failed:
        await FAMILIES[family](through(network, ca_file=None), f"https://{HOST}")
    assert set(network.proxy.asked) == {f"CONNECT {HOST}:443"}
    if family != "telemetry":  # whose library words its own error
        assert "see APP_CA_FILE" in str(failed.value)


@pytest.mark.parametrize("family", FAMILIES)
async def test_a_host_of_no_proxy_is_reached_directly(
    network: Network, family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    look_up = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *rest, **named: look_up("127.0.0.1", *rest, **named))
    assert await FAMILIES[family](through(network, no_proxy=("test",)), f"https://{HOST}:{network.tls_port}")
    assert network.proxy.asked == []


@pytest.mark.parametrize("family", [name for name in FAMILIES if name != "identity provider"])
async def test_an_address_without_tls_has_a_proxy_of_its_own(network: Network, family: str) -> None:
    assert await FAMILIES[family](through(network, https_proxy=None), f"http://{HOST}")
    assert all(each.split(" ")[1].startswith(f"http://{HOST}/") for each in network.proxy.asked)
    assert network.proxy.asked


@pytest.mark.parametrize("family", FAMILIES)
async def test_a_proxy_may_want_a_password(network: Network, family: str) -> None:
    network.proxy.password = PASSWORD
    named = through(network, https_proxy=network.proxy.url_with_password)
    assert await FAMILIES[family](named, f"https://{HOST}")
    if family != "identity provider":
        plain = replace(named, http_proxy=network.proxy.url_with_password)
        assert await FAMILIES[family](plain, f"http://{HOST}")
    with capture_logs() as logged, pytest.raises(Exception, match="407"):
        await FAMILIES[family](through(network), f"https://{HOST}")
    assert PASSWORD not in str(named) + str(logged)


async def test_what_a_proxy_refused_was_not_sent_and_costs_nothing(network: Network) -> None:
    network.proxy.password = PASSWORD
    with capture_logs() as logged, pytest.raises(ModelUnreachable, match="the proxy refused") as failed:
        await chat(through(network), f"https://{HOST}")
    assert not failed.value.may_be_charged
    [line] = logged
    assert (line["event"], line["host"]) == ("core.outgoing_call_failed", HOST)


async def test_a_proxy_that_is_away_is_named(network: Network) -> None:
    with capture_logs(), pytest.raises(ModelUnreachable, match="the proxy cannot be reached"):
        await chat(through(network, https_proxy="http://127.0.0.1:9"), f"https://{HOST}")


async def test_this_machine_is_never_reached_through_a_proxy(network: Network) -> None:
    assert await chat(through(network), f"https://localhost:{network.tls_port}")
    assert network.proxy.asked == []


@pytest.mark.parametrize("addresses", [("10.0.0.5",), ("93.184.216.34", "127.0.0.1")])
async def test_a_webhook_to_a_private_address_does_not_leave_through_a_proxy(
    network: Network, addresses: tuple[str, ...]
) -> None:
    sender = HttpWebhookTransport(600, lambda: PublicAddresses(FixedResolver(*addresses)), through(network))
    for host in (HOST, "2130706433"):
        with pytest.raises(DeliveryFailed):
            await sender.post(Target(f"https://{host}/hook", private=False), {}, b"{}")
    for host in ("10.0.0.5", "[::ffff:10.0.0.5]"):
        with pytest.raises(DeliveryFailed):
            await sender.post(Target(f"https://{host}/hook", private=False), {}, b"{}")
    assert network.proxy.asked == []


class NoNames(FixedResolver):
    """Knows no host, as in a network where only the proxy does."""

    async def resolve(self, *_: Any, **__: Any) -> Any:
        raise socket.gaierror("unknown")


async def test_a_public_webhook_leaves_through_the_proxy(network: Network) -> None:
    for resolver in (FixedResolver("93.184.216.34"), NoNames()):
        sender = HttpWebhookTransport(600, partial(PublicAddresses, resolver), through(network))
        assert await sender.post(Target(f"https://{HOST}/hook", private=False), {}, b"{}") == 204
    assert network.proxy.asked == [f"CONNECT {HOST}:443"] * 2


async def test_traces_leave_through_the_proxy(network: Network) -> None:
    session = partial(make_requests_session, through(network))
    endpoint = f"https://{HOST}/v1/traces"
    telemetry.configure_tracing("otlp", 1.0, "test", "0", endpoint, session=session)
    with telemetry.span("step"):
        pass
    await asyncio.to_thread(telemetry.shutdown_tracing)
    assert network.proxy.asked == [f"CONNECT {HOST}:443"]


async def with_a_transport(url: str) -> None:
    async with make_transport() as transport:
        for _ in range(2):
            await (await transport.handle_async_request(httpx.Request("GET", url))).aread()


async def with_a_client(url: str) -> None:
    async with make_client() as client:
        for _ in range(2):
            await client.get(url)


async def with_a_session(url: str) -> None:
    session = make_requests_session(OutboundRules())
    for _ in range(2):
        await asyncio.to_thread(session.get, url)


@pytest.mark.parametrize("twice", [with_a_transport, with_a_client, with_a_session])
async def test_a_cookie_of_one_call_is_sent_with_no_other(twice: Callable[[str], Awaitable[None]]) -> None:
    """A gateway in front of a model may set one: the next call is of somebody else."""
    asked: list[str | None] = []

    async def set_one(request: web.Request) -> web.Response:
        asked.append(request.headers.get("cookie"))
        return web.Response(headers={"set-cookie": "seat=7; Path=/"})

    app = web.Application()
    app.router.add_get("/", set_one)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "localhost", 0)
        await site.start()
        await twice(f"http://localhost:{runner.addresses[0][1]}/")
    finally:
        await runner.cleanup()
    assert asked == [None, None]


CALL = """
import asyncio, sys
from app.adapters.outbound import make_client
async def call():
    async with make_client() as client:
        return (await client.get(sys.argv[1])).status_code
print(asyncio.run(call()))
"""


async def test_ssl_cert_file_replaces_the_authorities_of_the_system(network: Network) -> None:
    command = [sys.executable, "-c", CALL, f"https://localhost:{network.tls_port}/"]
    environment = os.environ | {"SSL_CERT_FILE": str(network.ca_file)}
    run = partial(subprocess.run, command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    done = await asyncio.to_thread(run)
    assert done.stdout == "200\n", done.stderr


def test_an_ordinary_failure_is_named_by_its_kind() -> None:
    assert failure_reason(ConnectionResetError("secret words")) == "ConnectionResetError"
