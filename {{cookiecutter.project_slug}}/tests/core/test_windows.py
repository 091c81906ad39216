"""What differs on Windows, as far as it can be tried elsewhere."""

import ast
import asyncio
import functools
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import app
from app.adapters.parsers.child_process import start_process, start_threaded
from app.backup.service import writing
from app.core import memory, stop_signals
from app.core.event_loop import loop_factory, run_coroutine

PACKAGE = Path(app.__file__).parent
WITHOUT_DATABASE = {"adapters/chat/standin.py"}
"""A program of its own, which opens no database."""
OTHERWISE = {
    ".read_text": {"core/templates.py", "retrieval/service/retrieval.py"},  # positional; another function of that name
    ".write_text": set[str](),
    "os.fdopen": {"adapters/parsers/child.py"},  # bytes
}


def test_on_windows_every_loop_waits_by_select_as_the_database_driver_needs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert loop_factory() is None
    monkeypatch.setattr(sys, "platform", "win32")
    assert loop_factory() is loop_factory(fast=True) is asyncio.SelectorEventLoop


def test_a_coroutine_runs_on_the_loop_of_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    class Chosen(asyncio.SelectorEventLoop):
        pass

    async def kind() -> type[asyncio.AbstractEventLoop]:
        return type(asyncio.get_running_loop())

    monkeypatch.setattr("app.core.event_loop.loop_factory", lambda: Chosen)
    assert run_coroutine(kind()) is Chosen


def test_without_uvloop_the_default_loop_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)
    assert loop_factory(fast=True) is None


def calls(name: str) -> Iterator[tuple[str, ast.Call]]:
    return ((path, node) for path, function, node in every_call() if function.endswith(name))


@functools.cache
def every_call() -> list[tuple[str, str, ast.Call]]:
    """File, name of the function, and call."""
    return [
        (path.relative_to(PACKAGE).as_posix(), ast.unparse(node.func), node)
        for path in sorted(PACKAGE.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
    ]


def test_no_code_runs_a_loop_of_its_own_choice() -> None:
    assert {path for path, _ in calls("asyncio.run")} == WITHOUT_DATABASE
    runners = {path: ast.unparse(node) for path, node in calls("asyncio.Runner")}
    assert set(runners) == {"core/event_loop.py", "cli/serve.py"}
    assert all("loop_factory=loop_factory(" in text for text in runners.values())


@pytest.mark.parametrize("name", [".read_text", ".write_text", "os.fdopen"])
def test_text_is_read_and_written_in_an_encoding_that_is_named(name: str) -> None:
    """On Windows the default is the code page of the country."""
    unnamed = {path for path, node in calls(name) if "encoding" not in {word.arg for word in node.keywords}}
    assert unnamed == OTHERWISE[name]


def test_on_windows_parsers_are_started_without_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    assert start_process() is start_threaded


def test_a_process_is_asked_to_stop_by_what_its_system_can_handle(monkeypatch: pytest.MonkeyPatch) -> None:
    waits = (
        "import signal, sys; signal.signal(signal.SIGUSR1, lambda *_: sys.exit(7)); print(flush=True); signal.pause()"
    )
    monkeypatch.setattr(signal, "CTRL_BREAK_EVENT", signal.SIGUSR1, raising=False)
    with subprocess.Popen([sys.executable, "-c", waits], stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        stop_signals.ask_to_stop(process)
        assert process.wait(60) == 7
    monkeypatch.delattr(signal, "CTRL_BREAK_EVENT")
    with subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"]) as process:
        stop_signals.ask_to_stop(process)
        assert process.wait(60) == -signal.SIGTERM


def test_a_started_process_gets_a_group_of_its_own_where_a_break_would_reach_its_parent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given: list[int] = []
    monkeypatch.setattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 512, raising=False)
    monkeypatch.setattr(subprocess, "Popen", lambda command, creationflags: given.append(creationflags))
    stop_signals.start_stoppable(["app"])
    assert given == [512]


def test_a_c_library_without_a_name_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: None) -> None:
        raise TypeError("LoadLibrary() argument 1 must be str, not None")

    monkeypatch.setattr("ctypes.CDLL", refuse)
    memory.bound_freed_memory()
    memory.release_memory()


def test_a_backup_syncs_files_and_no_folders_on_windows(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    opened: list[tuple[Path, int]] = []
    original = os.open

    def noted(path: Path, flags: int) -> int:
        opened.append((path, flags))
        return original(path, flags)

    file = tmp_path / "dump"
    file.touch()
    monkeypatch.setattr(os, "open", noted)
    writing._sync(tmp_path)
    monkeypatch.setattr(sys, "platform", "win32")
    writing._sync(tmp_path)
    writing._sync(file)
    assert opened == [(tmp_path, os.O_RDONLY), (file, os.O_RDWR)]
