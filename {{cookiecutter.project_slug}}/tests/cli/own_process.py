"""`app` in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT, TESTED

CODE = """
import atexit, sys
atexit.register(lambda: open("modules", "w").write("\\n".join(sys.modules)))
sys.argv[0] = "app"
from app.__main__ import main
main()
"""


def run_alone(folder: Path, *arguments: str, **variables: str) -> tuple[subprocess.CompletedProcess[str], set[str]]:
    """The ended process, and the modules that it has loaded by then. folder: where it runs."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("APP_", "DATABASE_"))}
    environment |= {"PYTHONPATH": str(ROOT), "APP_ROOT": str(TESTED), "COLUMNS": "200"} | variables
    ended = subprocess.run(
        [sys.executable, "-c", CODE, *arguments], cwd=folder, env=environment, capture_output=True, text=True
    )
    return ended, set((folder / "modules").read_text(encoding="utf-8").split("\n"))
