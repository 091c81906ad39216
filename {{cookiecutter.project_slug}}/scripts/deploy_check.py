"""Checks deploy/ without a cluster, a registry or a network: `deploy_check.py [--self-test]`.

Prints one line for each complaint. With --self-test it plants faults, one at a time, and says which were not found.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from scripts.deploy_checks import chart, compose, image, parity, tools, units  # noqa: E402 (needs the path above)
from scripts.deploy_checks.faults import faults, missed  # noqa: E402

CHECKS = {"image": image, "compose": compose, "units": units, "parity": parity, "chart": chart, "tools": tools}


def main() -> int:
    parser = argparse.ArgumentParser(description="Check the files of deploy/.")
    parser.add_argument("--self-test", action="store_true", help="also plant faults, and find each of them")
    options = parser.parse_args()
    started = time.monotonic()
    complaints = [complaint for module in CHECKS.values() for complaint in module.check(ROOT)]
    for complaint in complaints:
        print(complaint)
    if complaints:
        return 1
    print(f"deploy/ is in order: {', '.join(CHECKS)}.")
    if options.self_test:
        unseen = missed(ROOT, CHECKS)
        for fault in unseen:
            print(f"not found: {fault}")
        planted = sum(map(len, faults(CHECKS).values()))
        print(f"{planted - len(unseen)} of {planted} planted faults found, in {time.monotonic() - started:.0f} s.")
        return 1 if unseen else 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
