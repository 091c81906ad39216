"""Runs schemathesis against the service, with keys of the roles admin, user and service: every check, every phase.
Fails on a reply that the OpenAPI document does not describe, on a request of the document's form that is refused, and
on one of another form that is accepted. schemathesis.toml names the operations that may refuse a request for its
meaning, such as a period that ends before it begins.

`make fuzz` starts a service for each role, because an admin revokes the keys that it finds; the databases are dropped
at the end. With --url it goes to a running one, whose data may be lost; the admin comes last there.
"""

import argparse
import asyncio
import sys
from pathlib import Path

from benchmarks.clients.service import served

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = ROOT / ".clients" / ".venv" / "bin" / "schemathesis"
ROLES = ("user", "service", "admin")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="of a running service; otherwise one is started")
    for role in ROLES:
        parser.add_argument(f"--{role}", help=f"a key with the role {role}, with --url")
    parser.add_argument("--examples", default="20", help="of each operation and phase")
    parser.add_argument("--seed", default="1")
    parser.add_argument("--roles", nargs="+", choices=ROLES, default=ROLES, help="by default all of them")
    parser.add_argument("--program", default=str(PROGRAM))
    options = parser.parse_args()
    if options.url and not all(getattr(options, role) for role in options.roles):
        parser.error("with --url a key of each role is needed: --admin, --user and --service")
    return asyncio.run(_run_all(options))


async def _run_all(options: argparse.Namespace) -> int:
    if options.url:
        keys = [getattr(options, role) for role in options.roles]
        return max([await _run(options, options.url, key) for key in keys])
    results = []
    for role in options.roles:
        async with served() as service:
            results.append(await _run(options, service.url, service.roles[role]))
    return max(results)


async def _run(options: argparse.Namespace, url: str, key: str) -> int:
    command = [options.program, "--config-file", str(ROOT / "schemathesis.toml"), "run", f"{url}/openapi.json"]
    command += ["--header", f"Authorization: Bearer {key}"]
    command += ["--phases", "examples,coverage,fuzzing,stateful", "--mode", "all", "--checks", "all"]
    command += ["--max-examples", options.examples, "--seed", options.seed, "--continue-on-failure", "--no-color"]
    process = await asyncio.create_subprocess_exec(*command)
    return await process.wait()


if __name__ == "__main__":
    sys.exit(main())
