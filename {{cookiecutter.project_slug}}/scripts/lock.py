"""Writes every requirements*.lock anew from its requirements*.in: versions and hashes for all platforms, and no addresses."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# The order matters: what the service runs on is settled first, the checks' own packages give way to it.
LOCKS = {
    "requirements.lock": ["requirements.in"],
    "requirements-dev.lock": ["requirements-dev.in", "--constraints", "requirements.lock"],
    "requirements-model.lock": ["requirements-model.in", "--no-deps"],
    "requirements-uv.lock": ["requirements-uv.in"],
}
FORM = ["--universal", "--python-version", "3.11", "--generate-hashes", "--no-header", "--no-annotate"]


def main() -> int:
    uv = str(Path(sys.executable).with_name("uv"))
    upgrade = ["--upgrade"] if "--upgrade" in sys.argv[1:] else []
    for lock, sources in LOCKS.items():
        command = [uv, "pip", "compile", "--quiet", "--no-emit-index-url", *FORM, *upgrade, *sources, "-o", lock]
        if subprocess.call(command, cwd=ROOT):
            return 1
        print(f"{lock} written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
