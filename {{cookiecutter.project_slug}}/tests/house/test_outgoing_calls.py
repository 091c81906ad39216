"""One module makes the clients of outgoing calls, so that none of them forgets the proxy or the authorities."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.naming import modules

PLACE = Path("adapters/outbound.py")
ALLOWED = {
    Path("cli/health.py"): "asks this machine only, with an opener without proxies, and imports little",
}
MAKERS = {
    "AsyncClient",
    "Client",
    "AsyncHTTPTransport",
    "HTTPTransport",
    "AiohttpTransport",
    "ClientSession",
    "TCPConnector",
    "HTTPConnection",
    "HTTPSConnection",
    "PoolManager",
    "Session",
    "build_opener",
    "urlopen",
    "open_connection",
    "get",
    "post",
    "request",
    "stream",
}
LIBRARIES = {
    "httpx",
    "httpx2",
    "aiohttp",
    "httpx_aiohttp",
    "requests",
    "urllib3",
    "http.client",
    "urllib.request",
    "asyncio",
}


def made_clients(tree: ast.Module) -> Iterator[str]:
    """The calls that make a client or a connection of its own, and requests of a library without a client. A client on
    a given transport has no connection of its own.
    """
    names = {
        alias.asname or alias.name: f"{node.module}.{alias.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            called = names.get(called, called)
            library, _, name = called.rpartition(".")
            given = any(each.arg == "transport" for each in node.keywords)
            if library in LIBRARIES and name in MAKERS and not given:
                yield called


def test_only_one_module_makes_clients_of_outgoing_calls() -> None:
    found = {path: sorted(set(made_clients(tree))) for path, tree in modules()}
    places = {path for path, made in found.items() if made}
    assert places == {PLACE, *ALLOWED}


@pytest.mark.parametrize(
    "code",
    [
        "import httpx\nclient = httpx.AsyncClient()",
        "from aiohttp import ClientSession as S\nS()",
        "import httpx2\nhttpx2.AsyncClient(transport=httpx2.AsyncHTTPTransport())",
        "import httpx\nhttpx.get('https://provider.example')",
        "import urllib.request\nurllib.request.urlopen('https://provider.example')",
        "import asyncio\nasyncio.open_connection('provider.example', 443)",
    ],
)
def test_a_client_is_found(code: str) -> None:
    assert list(made_clients(ast.parse(code)))
