"""Random sequences of uploads, deletions, questions and reviews, in which no reply shows restricted content.

The test of `make test`, with more sequences.

Run with `python -m benchmarks.access_property [--sequences 2000]`. Half an hour on two cores.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.harness import ROOT, write

TEST = "tests/access"
PROCESSES = 2
FIRST_SEED = 1000


def main(sequences: int, short: bool) -> None:
    start_time = time.perf_counter()
    each = sequences // PROCESSES
    with tempfile.TemporaryDirectory() as folder:
        places = [Path(folder) / str(number) for number in range(PROCESSES)]
        running = [start(FIRST_SEED + number * each, each, place) for number, place in enumerate(places)]
        ended = [process.wait() for process in running]
    if any(ended):
        sys.exit("The test failed, as printed above; the seed in the output reproduces the sequence that leaked.")
    if not short:
        result = {"sequences": each * PROCESSES, "first_seed": FIRST_SEED, "leaks": 0}
        write("access_property", result | {"seconds": round(time.perf_counter() - start_time)})


def start(first: int, count: int, place: Path) -> "subprocess.Popen[bytes]":
    environment = {**os.environ, "ACCESS_SEQUENCES": str(count), "ACCESS_FIRST_SEED": str(first)}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--show-capture=no", "--timeout=0", TEST]
    command += [f"--basetemp={place}"]
    return subprocess.Popen(command, cwd=ROOT, env=environment)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sequences", type=int, default=2000)
    parser.add_argument("--short", action="store_true", help="a few sequences; no result is written")
    options = parser.parse_args()
    main(2 if options.short else options.sequences, options.short)
