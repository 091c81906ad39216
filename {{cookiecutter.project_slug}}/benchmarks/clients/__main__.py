"""Runs every client against the service, each in a process of its own, and writes what works.

The packages of the clients are in an environment of their own, which `make clients` makes.
"""

import argparse
import asyncio
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

from benchmarks.clients.catalogue import PROGRAMS, ClientProgram
from benchmarks.clients.service import Served, served
from benchmarks.harness import RESULTS, ROOT, write

FOLDER = ROOT / ".clients"
SOURCES = Path(__file__).parent / "programs"
RESULT = RESULTS / "clients.json"
SECONDS = 300


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", default=str(FOLDER / ".venv" / "bin" / "python"), help="of their environment")
    parser.add_argument("--only", help="the file of one program; the others keep their results")
    options = parser.parse_args()
    shutil.copytree(SOURCES, FOLDER / "programs", dirs_exist_ok=True)
    found = asyncio.run(_run_all(options.python, options.only))
    for name, result in found.items():
        print(name, json.dumps(result, indent=1))
    kept = json.loads(RESULT.read_text())["clients"] if options.only else {}
    write("clients", {"clients": kept | found})
    return 1 if any(_failures(result) for result in found.values()) else 0


async def _run_all(python: str, only: str | None) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    async with served() as service:
        for program in PROGRAMS:
            if only in (None, program.file):
                result = await _run(program, python, service)
                if result is not None:
                    found[program.name] = result
    return found


async def _run(program: ClientProgram, python: str, service: Served) -> dict[str, Any] | None:
    """None where what it needs is missing."""
    folder = FOLDER / "programs"
    if program.is_node and not (shutil.which("node") and (folder / "node_modules").is_dir()):
        print(f"{program.name} is skipped: it needs Node 20 or newer and npm.", file=sys.stderr)
        return None
    command = ["node" if program.is_node else python, program.file]
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env=_environment(service),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(SECONDS):
            out, error = await process.communicate()
    except TimeoutError:
        process.kill()
        return {"version": "", "checks": {"answer": f"failed: it did not end within {SECONDS} s"}}
    if process.returncode:
        return {"version": "", "checks": {"answer": f"failed: {error.decode()[-400:]}"}}
    result: dict[str, Any] = json.loads(out.decode().strip().splitlines()[-1])
    return result


def _environment(service: Served) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OPENAI_", "APP_"))}
    keys = {"CLIENT_KEY": service.key, "CLIENT_POOR_KEY": service.poor, "CLIENT_ADMIN_KEY": service.admin}
    return (
        kept
        | keys
        | {
            "CLIENT_URL": service.url,
            "NO_PROXY": "127.0.0.1",
            "DO_NOT_TRACK": "1",
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        }
    )


def _failures(result: dict[str, Any]) -> list[str]:
    return [name for name, outcome in result["checks"].items() if outcome.startswith("failed")]


if __name__ == "__main__":
    sys.exit(main())
