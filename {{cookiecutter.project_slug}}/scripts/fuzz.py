"""Lets schemathesis loose on a running service, with an admin key and a user key. Fails on any reply
of 500 or above.

    pip install schemathesis          # in an environment of its own: it is no dependency of the service
    app run                           # on a database that may be spoiled
    python scripts/fuzz.py --url http://127.0.0.1:8000 --admin KEY --user KEY [--examples 50] [--seed 1]
"""

import argparse
import subprocess
import sys

CHECKS = "not_a_server_error"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--admin", required=True, help="a key with the role admin")
    parser.add_argument("--user", required=True, help="a key with the role user")
    parser.add_argument("--examples", default="50", help="of each operation and phase")
    parser.add_argument("--seed", default="1")
    given = parser.parse_args()
    ended = [_run(given, key) for key in (given.admin, given.user)]
    return max(ended)


def _run(given: argparse.Namespace, key: str) -> int:
    command = ["schemathesis", "run", f"{given.url}/openapi.json", "--header", f"Authorization: Bearer {key}"]
    command += ["--phases", "examples,coverage,fuzzing,stateful", "--mode", "all", "--checks", CHECKS]
    command += ["--max-examples", given.examples, "--seed", given.seed, "--continue-on-failure", "--no-color"]
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
