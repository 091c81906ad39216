"""`app run` waits while there is progress, reports what is missing, and prints no outdated address."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any, cast

import pytest

from app.cli import run
from app.core.errors import StartRefused
from app.core.health import SILENT
from app.settings import Settings


class Child:
    def __init__(self, code: int | None = None) -> None:
        self.code = code

    def poll(self) -> int | None:
        return self.code


@pytest.fixture
def seconds(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that advances by one second per call."""
    passed = [0.0]

    def sleep(_: float) -> None:
        passed[0] += 1

    monkeypatch.setattr(run.time, "monotonic", lambda: passed[0])
    monkeypatch.setattr(run.time, "sleep", sleep)
    return passed


def wait(monkeypatch: pytest.MonkeyPatch, answers: Iterator[str], child: Child) -> None:
    monkeypatch.setattr(run, "missing_of", lambda _: next(answers))
    run._await_ready(Settings(_env_file=None), cast(Any, [child]))


@pytest.mark.parametrize("busy", [run.NO_ANSWER, f"database: {SILENT}"])
def test_a_busy_machine_is_waited_for(
    busy: str, monkeypatch: pytest.MonkeyPatch, seconds: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    wait(monkeypatch, iter([busy] * 600 + [""]), Child())
    assert seconds[0] == 600 > 10 * run.READY_SECONDS
    assert busy in capsys.readouterr().out


def test_a_changed_state_counts_as_progress(monkeypatch: pytest.MonkeyPatch, seconds: list[float]) -> None:
    steps = [state for number in range(5) for state in [f"index: step {number}"] * 25]
    wait(monkeypatch, iter([*steps, ""]), Child())
    assert seconds[0] == 125


def test_an_api_without_progress_is_given_up_with_its_own_message(
    monkeypatch: pytest.MonkeyPatch, seconds: list[float]
) -> None:
    with pytest.raises(StartRefused) as refused:
        wait(monkeypatch, iter(["release: Nothing is live."] * 100), Child())
    assert str(refused.value) == "The API runs and does not get ready. release: Nothing is live."
    assert run.READY_SECONDS < seconds[0] < run.READY_SECONDS + 5


def test_a_process_that_ended_ends_the_wait(monkeypatch: pytest.MonkeyPatch, seconds: list[float]) -> None:
    with pytest.raises(StartRefused, match="The API or the worker did not start; the lines above say why"):
        wait(monkeypatch, iter([run.NO_ANSWER] * 5), Child(1))
    assert seconds[0] == 0


def test_a_process_that_does_not_stop_is_killed_and_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that nobody waits for would count as a user of the embedded server, which would stay."""
    monkeypatch.setattr("app.cli.run.STOP_SECONDS", 0.1)
    stubborn = (
        "import signal, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "print('ready', flush=True)\n"
        "time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", stubborn], stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        run._stop([process])
        assert process.returncode == -signal.SIGKILL
