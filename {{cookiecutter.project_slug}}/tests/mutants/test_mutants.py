"""The harness of `make mutants` finds a line that no test guards, and the files beside this one are true."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.mutants.mutated_file import MutatedFile
from scripts.mutants.survivors import guards_in, judged_in
from tests.conftest import ROOT

RESULT = ROOT / "benchmarks" / "results" / "mutants.json"
PLANTED = """
from functools import cached_property

LIMIT = 3


class Purse:
    def __init__(self, left: int) -> None:
        self.left = left

    @cached_property
    def full(self) -> bool:
        return self.left >= LIMIT

    def take(self, wanted: int) -> None:
        if wanted > self.left:
            raise ValueError("too little")
        self.left -= wanted
"""
TESTS = """
import pytest
from app.planted import Purse


@pytest.mark.parametrize(("left", "full"), [(2, False), (3, True)])
def test_full(left, full):
    assert Purse(left).full is full


def test_take():
    purse = Purse(3)
    purse.take(2)
    with pytest.raises(ValueError):
        purse.take(2)
"""


def names_of(source: str) -> list[str]:
    return [f"{mutant.function} {mutant.name}" for mutant in MutatedFile("a.py", source).edits]


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ("if a < b:\n  raise ValueError", ["always True: a < b", "always False: a < b", "< to <=: a < b"]),
        ("a and b", ["and to or: a and b", "without a: a and b", "without b: a and b"]),
        ("x = not a", ["without not: not a"]),
        ("x = min(a, 3)", ["min to max: min(a, 3)", "one more: 3"]),
        ("x = a + b - 'c'", ["+ to -: a + b"]),
        ("check(a)\nlog.info(a + 1)\nassert a > 1", ["removed: check(a)"]),
        ("self.a = b\nself.a -= b", ["removed: self.a = b", "removed: self.a -= b"]),
        (
            "f(f'{a + 1}', x[0])\nf(1)\nf(1)",
            ["removed: f(f'{a + 1}', x[0])", "removed: f(1)", "one more: 1", "removed: f(1) #2", "one more: 1 #2"],
        ),
    ],
)
def test_the_faults_of_a_function(body: str, names: list[str]) -> None:
    indented = body.replace("\n", "\n    ")
    assert names_of(f"def f(a, b=1):\n    {indented}\n") == [f"f {name}" for name in names]


def test_a_returned_value_is_replaced_by_one_that_a_caller_may_take_for_the_answer() -> None:
    source = "def f() -> bool:\n  return a\ndef g() -> list[int] | None:\n  return a\ndef h():\n  return a\n"
    assert names_of(source) == [
        "f return True: return a",
        "f return False: return a",
        "g return None: return a",
        "g return []: return a",
    ]


@pytest.fixture
def planted(tmp_path: Path) -> Path:
    """A repository of one guard with its tests, and this harness."""
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    for folder in ("app", "tests/mutants", "benchmarks/results"):
        (tmp_path / folder).mkdir(parents=True)
    for name, content in {
        "app/__init__.py": "",
        "app/planted.py": PLANTED,
        "tests/test_planted.py": TESTS,
        "tests/mutants/guards.yaml": "purses:\n  app/planted.py: {tests: [tests/test_planted.py]}\n",
        "tests/mutants/survivors.yaml": "{}",
        "pytest.ini": "[pytest]\npythonpath = .\n",
    }.items():
        (tmp_path / name).write_text(content)
    return tmp_path


def run_in(folder: Path) -> tuple[int, dict[str, float], list[str]]:
    command = [sys.executable, "scripts/mutation_test.py"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    result = json.loads((folder / "benchmarks" / "results" / "mutants.json").read_text())
    return done.returncode, result["rooms"]["purses"], result["survivors"]


@pytest.mark.long
def test_a_line_that_no_test_guards_survives_and_a_guarded_one_does_not(planted: Path) -> None:
    status, row, survivors = run_in(planted)
    assert (status, row["open"], row["killed"], row["not_tried"]) == (1, 1, row["tried"] - 1, 0)
    assert survivors == ["open: app/planted.py::Purse.take > to >=: wanted > self.left"]
    (planted / "tests" / "mutants" / "survivors.yaml").write_text(
        "app/planted.py:\n  Purse.take:\n  - accepted: Nobody takes it.\n    mutants: ['> to >=: wanted > self.left']"
    )
    assert run_in(planted)[0] == 0
    unguarded = TESTS.replace(
        "purse.take(2)\n    with pytest.raises(ValueError):\n        purse.take(2)", "purse.take(2)"
    )
    (planted / "tests" / "test_planted.py").write_text(unguarded)
    status, row, survivors = run_in(planted)
    assert (status, "open: app/planted.py::Purse.take removed: self.left -= wanted" in survivors) == (1, True)
    assert "open: app/planted.py::Purse.take always False: wanted > self.left" in survivors


def test_every_judged_survivor_is_still_a_fault_of_what_decides_and_has_a_reason() -> None:
    guards = {
        guard.file: {(each.function, each.name) for each in guard.mutated(ROOT).edits} for guard in guards_in(ROOT)
    }
    judged = judged_in(ROOT)
    assert [key for key in judged if (key[1], key[2]) not in guards.get(key[0], ())] == []
    assert [key for key, each in judged.items() if len(each.reason) < 20] == []


def test_the_tests_of_every_guard_exist() -> None:
    named = {test.split("::")[0] for guard in guards_in(ROOT) for test in guard.tests}
    assert [test for test in named if not (ROOT / test).exists()] == []


def test_in_each_room_enough_faults_were_noticed_and_every_other_one_is_judged() -> None:
    result = json.loads(RESULT.read_text(encoding="utf-8"))
    assert {room: row for room, row in result["rooms"].items() if row["score"] < 0.85} == {}
    assert [each for each in result["survivors"] if each.startswith("open")] == []


def test_a_room_that_is_none_is_said() -> None:
    command = [sys.executable, str(ROOT / "scripts" / "mutation_test.py"), "nowhere"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "no such room: nowhere; there are " in done.stderr
