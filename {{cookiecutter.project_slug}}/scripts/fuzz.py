"""Runs schemathesis against a running service, with keys of the roles admin, user and service. Fails on any reply with
status 500 or above.

    pip install schemathesis          # in its own environment: it is not a dependency of the service
    app run                           # on a database that may be lost
    python scripts/fuzz.py --url http://127.0.0.1:8000 --admin KEY --user KEY --service KEY
        [--examples 50] [--seed 1]
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
    parser.add_argument("--service", required=True, help="a key with the role service")
    parser.add_argument("--examples", default="50", help="of each operation and phase")
    parser.add_argument("--seed", default="1")
    options = parser.parse_args()
    statuses = [_run(options, key) for key in (options.admin, options.user, options.service)]
    return max(statuses)


def _run(options: argparse.Namespace, key: str) -> int:
    command = ["schemathesis", "run", f"{options.url}/openapi.json", "--header", f"Authorization: Bearer {key}"]
    command += ["--phases", "examples,coverage,fuzzing,stateful", "--mode", "all", "--checks", CHECKS]
    command += ["--max-examples", options.examples, "--seed", options.seed, "--continue-on-failure", "--no-color"]
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
