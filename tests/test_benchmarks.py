"""What is measured of the template runs: in its short form, which writes no result."""

import json
import sys

import pytest

from tests.baking import REPOSITORY, run

RESULTS = REPOSITORY / "benchmarks" / "results"


def test_the_first_run_can_be_measured() -> None:
    before = {path: path.stat().st_mtime_ns for path in RESULTS.iterdir()}
    done = run([sys.executable, "benchmarks/bake_and_first_run.py", "--short"], REPOSITORY)
    assert done.returncode == 0, done.stdout
    assert '"ready_seconds_new_database"' in done.stdout
    assert {path: path.stat().st_mtime_ns for path in RESULTS.iterdir()} == before


def test_ten_edits_of_a_team_survive_an_upgrade_over_the_renames() -> None:
    """One service of twelve; all of them, and cruft beside, are in benchmarks/results/upgrade_matrix.json."""
    before = {path: path.stat().st_mtime_ns for path in RESULTS.iterdir()}
    done = run([sys.executable, "benchmarks/upgrade_matrix.py", "--short"], REPOSITORY)
    if done.returncode == 3:
        pytest.skip("the history of this clone does not reach back: git fetch --unshallow")
    assert done.returncode == 0, done.stdout
    (one,) = json.loads("{" + done.stdout.partition("\n{")[2])["services"]
    ours = one["make upgrade"]
    assert set(ours["edits"].values()) == {"kept", "named"}, ours
    assert ours["conflicts_without_reason"] == []
    assert ours["finished_by_continue"], ours
    assert ours["second_upgrade_does_nothing"]
    assert {path: path.stat().st_mtime_ns for path in RESULTS.iterdir()} == before


def test_the_matrix_of_upgrades_lost_nothing() -> None:
    result = json.loads((RESULTS / "upgrade_matrix.json").read_text(encoding="utf-8"))
    total = result["total"]["make upgrade"]
    assert (total["services"], total["edits"], len(result["edits"])) == (12, 120, 10)
    assert total["kept"] + total["named"] == 120
    assert total["conflicts_without_reason"] == 0
    assert total["finished_by_continue"] == total["second_upgrade_does_nothing"] == 12
