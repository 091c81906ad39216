"""Random sequences of uploads, deletions, questions and reviews, in which no reply shows restricted content.

The test of `make test`, with more sequences. With `--detach`, each check of access is removed in turn, and the seconds
until the tests find it are recorded; `--check` measures one of them, and keeps the others as they were recorded.

Run with `python -m benchmarks.access_property [--sequences 2000]`, half an hour on two cores, and `--detach`, minutes.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

from benchmarks.harness import RESULTS, ROOT, write
from tests.access.detached import CHECKS

TEST = "tests/access"
RECORDED = RESULTS / "access_detached.json"
PROCESSES = 2
FIRST_SEED = 1000
DETACHED_SEQUENCES = 40


def main(sequences: int, short: bool) -> None:
    start_time = time.perf_counter()
    processes = min(PROCESSES, sequences)
    each = sequences // processes
    with tempfile.TemporaryDirectory() as folder:
        places = [Path(folder) / str(number) for number in range(processes)]
        running = [start(FIRST_SEED + number * each, each, place) for number, place in enumerate(places)]
        ended = [process.wait() for process in running]
    if any(ended):
        sys.exit("The test failed, as printed above; the seed in the output reproduces the sequence that leaked.")
    if not short:
        result = {"sequences": each * processes, "first_seed": FIRST_SEED, "leaks": 0}
        write("access_property", result | {"seconds": round(time.perf_counter() - start_time)})


def detach(checks: Sequence[str], short: bool) -> None:
    """Exits with status 1 when a removed check is not found."""
    seconds, unfound = {}, []
    for check in checks[: 1 if short else None]:
        with tempfile.TemporaryDirectory() as folder:
            report = Path(folder) / "report.xml"
            options = ("-x", "--tb=no", f"--junit-xml={report}")
            found = start(1, DETACHED_SEQUENCES, Path(folder) / "base", check, *options).wait() == 1
            cases = [*ElementTree.parse(report).iter("testcase")]  # noqa: S314, written by the tests above
        seconds[check] = round(sum(float(case.attrib["time"]) for case in cases), 1)
        print(check, seconds[check], f"found by {cases[-1].attrib['name']}" if found else "NOT FOUND", flush=True)
        unfound += [] if found else [check]
    if not short:
        earlier = json.loads(RECORDED.read_text(encoding="utf-8"))["seconds"] if len(checks) < len(CHECKS) else {}
        seconds = {check: seconds.get(check, earlier.get(check)) for check in CHECKS if check in seconds | earlier}
        write("access_detached", {"slowest_seconds": max(seconds.values()), "seconds": seconds, "not_found": unfound})
    if unfound:
        sys.exit(f"Not found when detached: {', '.join(unfound)}.")


def start(first: int, count: int, place: Path, detached: str = "", *options: str) -> "subprocess.Popen[bytes]":
    """Start the test. detached: the name of a check that is removed, as in tests/access/detached.py."""
    environment = {**os.environ, "ACCESS_SEQUENCES": str(count), "ACCESS_FIRST_SEED": str(first)}
    environment |= {"ACCESS_DETACHED": detached}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--show-capture=no", "--timeout=0", TEST]
    command += [f"--basetemp={place}", *options]
    return subprocess.Popen(command, cwd=ROOT, env=environment)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sequences", type=int, default=2000)
    parser.add_argument("--short", action="store_true", help="one sequence; no result is written")
    parser.add_argument("--detach", action="store_true", help="remove each check in turn")
    parser.add_argument("--check", choices=CHECKS, help="with --detach: this one alone, beside those of the result")
    options = parser.parse_args()
    if options.detach:
        detach([options.check] if options.check else [*CHECKS], options.short)
        sys.exit()
    main(1 if options.short else options.sequences, options.short)
