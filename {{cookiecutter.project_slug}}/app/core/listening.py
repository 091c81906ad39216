"""The addresses a process listens on, bound before anything else is opened; errors are one sentence."""

import errno
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from app.core.errors import StartRefused

ACCEPTS = 8
"""Connections that are accepted in one turn of the event loop."""
ANY = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - a client connects to these


def url_of(host: str, port: int) -> str:
    """The base URL, from this machine, of a server that listens on `host` and `port`."""
    name = ANY.get(host, host)
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"


@contextmanager
def refusals(host: str, port: int, setting: str) -> Iterator[None]:
    """Turn an OSError about an address into StartRefused, which names `setting` or APP_HOST."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise StartRefused(f"Port {port} of {host} is in use; choose another with {setting}.") from error
        if error.errno in (errno.EACCES, errno.EPERM):
            raise StartRefused(
                f"Port {port} of {host} may not be used by this user; choose one above 1023 with {setting}."
            ) from error
        reason = error.strerror or type(error).__name__
        raise StartRefused(
            f"Nothing can listen on {host} ({reason}); set APP_HOST to an address of this machine."
        ) from error


@contextmanager
def claimed(host: str, port: int, setting: str) -> Iterator[list[socket.socket]]:
    """Sockets bound to every address that `host` names, not yet listening. Errors: StartRefused."""
    with ExitStack() as stack:
        with refusals(host, port, setting):
            addresses = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
            sockets = [stack.enter_context(_bound(*one)) for one in dict.fromkeys(addresses)]
        yield sockets


@contextmanager
def repeated(sockets: list[socket.socket]) -> Iterator[list[socket.socket]]:
    """The sockets and duplicates of them: the event loop accepts one connection of each in a turn, and the turns of a
    busy loop are long.
    """
    with ExitStack() as stack:
        yield [*sockets, *(stack.enter_context(one.dup()) for one in sockets for _ in range(ACCEPTS - 1))]


def _bound(family: int, kind: int, protocol: int, _: str, address: Any) -> socket.socket:
    one = socket.socket(family, kind, protocol)
    try:
        if os.name == "posix":  # on Windows it lets two processes bind the same port
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        one.bind(address)
    except OSError:
        one.close()
        raise
    return one
