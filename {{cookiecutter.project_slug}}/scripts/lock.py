"""Writes every lock of requirements/: versions and hashes for all platforms, without index URLs.

With uv.toml, a bot that repeats the command in the first lines of a lock gets the same file.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

# The order matters: the versions of the service constrain those of the development packages.
LOCKS = {
    "requirements/run.lock": ["requirements/run.in"],
    "requirements/dev.lock": ["--constraints=requirements/run.lock", "requirements/dev.in"],
    "requirements/multilingual.lock": ["--constraints=requirements/run.lock", "requirements/multilingual.in"],
    "requirements/ocr.lock": ["requirements/ocr.in"],
    "requirements/model.lock": ["--no-deps", "requirements/model.in"],
    "requirements/deploy.lock": ["--constraints=requirements/dev.lock", "requirements/deploy.in"],
    "requirements/scan.lock": ["requirements/scan.in"],
    "requirements/load.lock": ["--constraints=requirements/dev.lock", "requirements/load.in"],
    "requirements/clients.lock": ["requirements/clients.in"],
    "requirements/uv.lock": ["requirements/uv.in"],
}
FORM = ["--universal", "--python-version=3.11", "--generate-hashes"]


def main() -> int:
    parser = argparse.ArgumentParser(description="Write the lock files.")
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parent.parent, help="their folder")
    parser.add_argument("--upgrade", action="store_true", help="upgrade to the newest versions")
    options = parser.parse_args()
    uv = str(Path(sys.executable).with_name("uv"))
    for lock, arguments in LOCKS.items():
        if not (options.root / arguments[-1]).exists():
            continue
        upgrade = ["--upgrade"] if options.upgrade else []
        command = [uv, "pip", "compile", "--quiet", *FORM, *upgrade, f"--output-file={lock}", *arguments]
        if subprocess.call(command, cwd=options.root):
            return 1
        print(f"{lock} written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
