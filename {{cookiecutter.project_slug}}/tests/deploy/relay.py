"""A TCP port that leads to a unix socket, for processes whose user may not enter the socket's folder."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread


@contextmanager
def relayed(path: Path) -> Iterator[int]:
    """Yields the port, of this machine alone."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as server:
        Thread(target=_accept, args=(server, path), daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


def _accept(server: socket.socket, path: Path) -> None:
    with suppress(OSError):
        while True:
            near, _ = server.accept()
            far = socket.socket(socket.AF_UNIX)
            far.connect(str(path))
            for source, sink in ((near, far), (far, near)):
                Thread(target=_copy, args=(source, sink), daemon=True).start()


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    for each in (source, sink):
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
        each.close()
