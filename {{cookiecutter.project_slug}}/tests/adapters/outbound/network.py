"""A network with a proxy: hosts that only the proxy knows, with certificates of an authority of its own."""

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOST = "provider.test"
HOSTS = (HOST, "embedder.test", "issuer.test", "hooks.test", "room.test", "tools.test", "localhost")
PASSWORD = "let-me-" + "through"
DIMENSIONS = 8


@dataclass(frozen=True)
class Authority:
    """A certificate authority, and the certificate of a server at all hosts."""

    ca_file: Path
    server: ssl.SSLContext

    @classmethod
    def make(cls, folder: Path) -> "Authority":
        ca_key, server_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        ca_name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Private authority")])
        ca = _certificate(ca_name, ca_name, ca_key.public_key(), is_ca=True).sign(ca_key, hashes.SHA256())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
        leaf = _certificate(name, ca_name, server_key.public_key(), is_ca=False)
        hosts = x509.SubjectAlternativeName([x509.DNSName(host) for host in HOSTS])
        signed = leaf.add_extension(hosts, critical=False).sign(ca_key, hashes.SHA256())
        ca_file, chain = folder / "ca.pem", folder / "server.pem"
        ca_file.write_bytes(ca.public_bytes(serialization.Encoding.PEM))
        key = server_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        chain.write_bytes(signed.public_bytes(serialization.Encoding.PEM) + key)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(chain)
        return cls(ca_file, context)


def _certificate(subject: x509.Name, issuer: x509.Name, key: Any, is_ca: bool) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
    )


@dataclass
class Proxy:
    """An HTTP proxy that leads every host to one server. asked: what it was asked for; password: what it wants."""

    tls_port: int
    plain_port: int
    password: str | None = None
    asked: list[str] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def url_with_password(self) -> str:
        return f"http://someone:{PASSWORD}@127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            method, target, _ = head.split("\r\n", 1)[0].split(" ")
            self.asked.append(f"{method} {target}")
            if self.password and f"basic {_basic(self.password)}" not in head.replace("Basic", "basic"):
                writer.write(b"HTTP/1.1 407 No\r\nproxy-authenticate: Basic\r\ncontent-length: 0\r\n\r\n")
            elif method == "CONNECT":
                await self._tunnel(reader, writer, self.tls_port, b"")
            else:
                await self._tunnel(reader, writer, self.plain_port, _own_path(head).encode())
        writer.close()

    async def _tunnel(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int, first: bytes
    ) -> None:
        back, forth = await asyncio.open_connection("127.0.0.1", port)
        forth.write(first)
        if not first:
            writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")
        both = [asyncio.ensure_future(_pump(*ends)) for ends in ((reader, forth), (back, writer))]
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in both:
                each.cancel()
            forth.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while part := await reader.read(65536):
            writer.write(part)
            await writer.drain()


def _basic(password: str) -> str:
    return base64.b64encode(f"someone:{password}".encode()).decode()


def _own_path(head: str) -> str:
    """The head of a request as the server behind the proxy expects it."""
    method, target, rest = head.split(" ", 2)
    path = "/" + target.split("/", 3)[3]
    return f"{method} {path} {rest}"


async def everything(request: web.Request) -> web.Response:
    """A model, an embedder, an identity provider, a room, a collector and a receiver of webhooks."""
    origin = f"https://{request.host}"
    if request.path.endswith("/chat/completions"):
        message = {"role": "assistant", "content": "It was built in 1874 by the engineer Marta Holm [1]."}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        usage = {"prompt_tokens": 9, "completion_tokens": 9, "total_tokens": 18}
        return web.json_response({"choices": [choice], "usage": usage, "model": "stand-in"})
    if request.path.endswith("/embeddings"):
        texts = (await request.json())["input"]
        data = [{"index": place, "embedding": [1.0] * DIMENSIONS} for place in range(len(texts))]
        return web.json_response({"data": data, "usage": {"prompt_tokens": 9}})
    if request.path.endswith("/openid-configuration"):
        names = ("jwks_uri", "authorization_endpoint", "token_endpoint")
        return web.json_response({"issuer": origin, **{name: f"{origin}/{name}" for name in names}})
    return web.json_response({}, status=204 if request.path == "/hook" else 200)


@dataclass(frozen=True)
class Network:
    """tls_port: of the server, for those who reach it directly."""

    proxy: Proxy
    ca_file: Path
    tls_port: int


@asynccontextmanager
async def open_network(folder: Path) -> AsyncIterator[Network]:
    authority = Authority.make(folder)
    async with AsyncExitStack() as stack:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", everything)
        runner = web.AppRunner(app)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=authority.server).start()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        tls_port, plain_port = (address[1] for address in runner.addresses)
        proxy = Proxy(tls_port, plain_port)
        server = await stack.enter_async_context(await asyncio.start_server(proxy.serve, "127.0.0.1", 0))
        proxy.port = server.sockets[0].getsockname()[1]
        yield Network(proxy, authority.ca_file, tls_port)
