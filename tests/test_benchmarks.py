"""What is measured of the template runs: in its short form, which writes no result."""

import sys

from tests.baking import REPOSITORY, run

RESULTS = REPOSITORY / "benchmarks" / "results"


def test_the_first_run_can_be_measured() -> None:
    before = {path: path.stat().st_mtime_ns for path in RESULTS.iterdir()}
    done = run([sys.executable, "benchmarks/bake_and_first_run.py", "--short"], REPOSITORY)
    assert done.returncode == 0, done.stdout
    assert '"ready_seconds_new_database"' in done.stdout
    assert {path: path.stat().st_mtime_ns for path in RESULTS.iterdir()} == before
