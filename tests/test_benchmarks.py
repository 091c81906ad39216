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


def test_ten_edits_of_a_team_and_its_database_survive_an_upgrade_over_the_renames() -> None:
    """One service of twelve, from the oldest commit, and its database; all of them, with their own tests and cruft
    beside, are in benchmarks/results/upgrade_matrix.json.
    """
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
    assert all(value for name, value in one["service"].items() if name != "said"), one["service"]
    assert {path: path.stat().st_mtime_ns for path in RESULTS.iterdir()} == before


def test_what_the_matrix_of_upgrades_has_recorded_lost_nothing() -> None:
    recorded = RESULTS / "upgrade_matrix.json"
    if not recorded.is_file():
        pytest.skip("no run of the whole matrix has been recorded")
    known = json.loads(recorded.read_text(encoding="utf-8"))["services"]
    services = [each["make upgrade"] for each in known]
    assert all(len(each["edits"]) == 10 and set(each["edits"].values()) <= {"kept", "named"} for each in services)
    assert not any(each["conflicts_without_reason"] for each in services)
    assert all(each["finished_by_continue"] and each["second_upgrade_does_nothing"] for each in services)
    used = [each["service"] for each in known if "service" in each]
    assert len({each["commit"] for each in known if "service" in each}) == 4
    assert all(value for each in used for name, value in each.items() if name not in ("said", "quick_tests"))
    tested = [each["quick_tests"] for each in used if "quick_tests" in each]
    assert len(tested) >= 4
    assert all(each["passed"] > 1000 and each["failed"] == [] for each in tested)
