"""A signal ends a process at any moment of its start."""

import asyncio
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from sse_starlette.sse import AppStatus

from app.cli import serve
from app.core.event_loop import loop_factory
from app.core.http import App, Receive, Scope, Send
from app.main import create_app
from app.wiring import State
from tests.conftest import ROOT
from tests.e2e.conftest import environment


@pytest.fixture(autouse=True)
def no_trace_of_signals(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The library of event streams notes that the process ends, and would end every stream of later tests."""
    monkeypatch.setattr(AppStatus, "should_exit", False)
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


class SignalledAtItsEnd:
    def __del__(self) -> None:
        signal.raise_signal(signal.SIGTERM)


def test_a_signal_that_arrives_inside_a_callback_is_not_lost() -> None:
    """Python prints, and ignores, what is raised in a finalizer."""
    ended: list[str] = []

    async def main() -> None:
        serve._cancel_at_stop()
        SignalledAtItsEnd()
        try:
            for _ in range(10):
                await asyncio.sleep(0)
        finally:
            ended.append("cleaned up")

    with pytest.raises(asyncio.CancelledError), asyncio.Runner(loop_factory=loop_factory(fast=True)) as runner:
        runner.run(main())
    assert ended == ["cleaned up"]


async def test_what_is_rejected_is_rejected_before_the_application_is_called(state: State) -> None:
    settings = state.settings.model_copy(update={"max_requests": 0})
    app, called = create_app(replace(state, settings=settings)), list[str]()

    class Noting:
        def __init__(self, inner: App) -> None:
            self.inner = inner

        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            called.append(scope.get("path", scope["type"]))
            await self.inner(scope, receive, send)

    app.add_middleware(Noting)  # the outermost
    signal.signal(signal.SIGTERM, lambda *_: None)  # the server raises it again once it has ended
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        running = asyncio.ensure_future(serve._listen(app, settings, [listening]))
        async with httpx.AsyncClient(base_url=url) as client:
            assert (await client.get("/v1/caller")).json()["code"] == "overloaded"
            assert (await client.get("/health/live")).status_code == 200
        signal.raise_signal(signal.SIGTERM)
        await running
    assert [each for each in called if each != "lifespan"] == ["/health/live"]


def test_a_process_bounds_its_memory_before_anything_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve, "bound_freed_memory", lambda: sys.exit("bounded"))
    for command in (serve.serve, serve.run_worker):
        with pytest.raises(SystemExit, match="bounded"):
            command()


@pytest.mark.slow
def test_a_worker_that_still_waits_for_its_database_ends_at_a_signal_without_an_error(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://nobody@127.0.0.1:{silent.getsockname()[1]}/none"
        process = subprocess.Popen(
            [sys.executable, "-m", "app", "worker"],
            cwd=ROOT,
            env=environment(tmp_path, DATABASE_URL=url),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        connection, _ = silent.accept()
        with connection:
            process.send_signal(signal.SIGTERM)
            printed, _ = process.communicate()
    assert process.returncode == 0, printed
    assert "Traceback" not in printed
