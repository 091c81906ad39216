"""How a process is asked to stop: SIGTERM, or Ctrl-Break on Windows, where SIGTERM cannot be handled."""

import signal
import subprocess
from collections.abc import Sequence

STOP_SIGNALS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGBREAK") if hasattr(signal, name))


def start_stoppable(command: Sequence[str]) -> subprocess.Popen[bytes]:
    """Start a process that `ask_to_stop` reaches: on Windows in a group of its own, whose Ctrl-Break is not ours."""
    return subprocess.Popen(command, creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0))  # noqa: S603


def ask_to_stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(getattr(signal, "CTRL_BREAK_EVENT", signal.SIGTERM))
