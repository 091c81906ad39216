"""The bake of the defaults, installed in a new virtual environment, passes its own checks and its own tests."""

import os
import random
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.sabotage import is_noticed, sabotages
from tests.baking import bake


@pytest.fixture(scope="module")
def service() -> Iterator[Path]:
    # A short path: the name of a unix socket of the database has room for a hundred letters.
    folder = Path(tempfile.mkdtemp(prefix="svc-"))
    yield bake(folder / "out").project
    shutil.rmtree(folder, ignore_errors=True)


def make(service: Path, *targets: str) -> int:
    """Runs make as a user would; what it prints goes straight to the screen, because it takes minutes."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("APP_", "DATABASE_", "MAKE"))}
    return subprocess.run(["make", *targets], cwd=service, env=clean, stdin=subprocess.DEVNULL, check=False).returncode


def test_the_demo_answers_with_citations_and_refuses_what_it_cannot_know(
    service: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with capfd.disabled():
        print()
        assert make(service, "demo") == 0


def test_its_first_release_passes_its_own_gate(service: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """With nothing live to be compared with, each protected case must hold by itself."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("APP_", "DATABASE_"))}
    clean["APP_DATA_DIR"] = str(service.parent / "gate")
    with capfd.disabled():
        print()
        for command in ("migrate", "evaluate"):
            done = subprocess.run([".venv/bin/app", command], cwd=service, env=clean, check=False)
            assert done.returncode == 0, command


def test_its_style_types_contracts_and_migrations_are_clean(service: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with capfd.disabled():
        print()
        assert make(service, "lint") == 0


def test_its_image_compose_file_chart_and_units_are_in_order_and_planted_faults_are_found(
    service: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with capfd.disabled():
        print()
        assert make(service, "deploy-check") == 0


def test_a_sample_of_sabotages_is_noticed(service: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """`make sabotage` tries all of them."""
    sample = random.sample(sabotages(), 3)
    with capfd.disabled():
        for each in sample:
            print(f"\nsabotage: {each.name}", flush=True)
            assert is_noticed(service, each), each.test


OTHER = {"risk_tier": "high", "data_sensitivity": "confidential", "ci_provider": "gitlab", "license": "Apache-2.0"}
SAMPLE = (
    "tests/house/test_assurance.py",
    "tests/house/test_docs.py",
    "tests/test_wiring.py",
    "tests/mistakes/test_10_no_cost_architecture.py",
    "tests/inference/test_streaming.py",
    "tests/governance/service/test_probes.py",
    "tests/cli/test_costs_and_version.py",
)
"""A file for each way in which a test comes by the policies of the service, and two that are about its files."""


def test_a_sample_of_its_tests_pass_with_other_answers(capfd: pytest.CaptureFixture[str]) -> None:
    with tempfile.TemporaryDirectory(prefix="svc-") as folder, capfd.disabled():
        print()
        other = bake(Path(folder) / "out", **OTHER).project
        assert make(other, "--silent", "env-dev") == 0
        command = [".venv/bin/python", "-m", "pytest", "-q", "-n", "2", "--dist", "loadfile", *SAMPLE]
        assert subprocess.run(command, cwd=other, stdin=subprocess.DEVNULL, check=False).returncode == 0


def test_its_own_tests_pass(service: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with capfd.disabled():
        print()
        assert make(service, "test-all") == 0


def test_all_of_that_left_its_working_copy_clean(service: Path) -> None:
    status = subprocess.run(["git", "status", "--porcelain"], cwd=service, capture_output=True, text=True, check=True)
    assert status.stdout == ""
