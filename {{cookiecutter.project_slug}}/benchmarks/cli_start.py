"""The start-up cost of a command: CPU time of its imports, compared with importing FastAPI.

CPU time instead of wall-clock time, because other processes hardly affect it. The ratio is taken within one run.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from statistics import median
from typing import Any

from benchmarks.harness import ROOT, arguments_of, write

REFERENCE = "import fastapi"
COMMANDS = {
    "app --help": "import sys; sys.argv = ['app', '--help']; from app.__main__ import main; main()",
    "app version": "import sys; sys.argv = ['app', 'version']; from app.__main__ import main; main()",
    "app ingset (mistyped)": "import sys; sys.argv = ['app', 'ingset']; from app.__main__ import main; main()",
    "app rollback (its imports)": "import gc; gc.disable(); from app.cli.commands import load; load('rollback')",
}
COUNT = "import atexit, sys; atexit.register(lambda: open('modules', 'w').write(str(len(sys.modules))))\n"
ROUNDS, ROUNDS_SHORT = 9, 1


def measured(code: str) -> tuple[float, int]:
    """CPU seconds of a process that runs `code` in an empty folder, and the number of modules it loaded."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("APP_", "DATABASE_"))}
    environment |= {"PYTHONPATH": str(ROOT), "APP_ROOT": str(ROOT)}
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            [sys.executable, "-c", COUNT + code],
            cwd=folder,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        _, _, usage = os.wait4(process.pid, 0)
        process.returncode = 0
        with open(os.path.join(folder, "modules"), encoding="utf-8") as file:
            return usage.ru_utime + usage.ru_stime, int(file.read())


def measure(rounds: int) -> dict[str, Any]:
    cases = {"python -c 'import fastapi'": REFERENCE, **COMMANDS}
    for code in cases.values():
        measured(code)  # compiles the modules before the first round
    # Round by round, so that a busy minute of the machine slows down all cases and not one.
    turns = [{name: measured(code) for name, code in cases.items()} for _ in range(rounds)]
    runs = {name: [turn[name] for turn in turns] for name in cases}
    seconds = {name: median(each for each, _ in results) for name, results in runs.items()}
    reference = seconds["python -c 'import fastapi'"]
    return {
        name: {
            "modules": results[0][1],
            "processor_seconds": round(seconds[name], 3),
            "of_importing_fastapi": round(seconds[name] / reference, 2),
        }
        for name, results in runs.items()
    }


def main() -> None:
    short = arguments_of(argparse.ArgumentParser(description=__doc__)).short
    result = {"command": "python -m benchmarks.cli_start", "by_command": measure(ROUNDS_SHORT if short else ROUNDS)}
    write("cli_start", result, short)


if __name__ == "__main__":
    main()
