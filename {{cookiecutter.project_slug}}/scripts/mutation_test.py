"""Mutation testing of what decides: `mutation_test.py [ROOM…] [--seconds N] [--most N]`.

Puts small faults into the functions of tests/mutants/guards.yaml, one at a time, and runs the tests that reach them.
A fault that no test notices has survived; tests/mutants/survivors.yaml says why it may. What has been tried is kept in
.data/mutants until the code or the tests of the guard change, so that a run that was interrupted goes on.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import platform
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import pytest  # noqa: E402

from scripts.mutants.forked_tests import MutantRun  # noqa: E402
from scripts.mutants.mutated_file import Mutant  # noqa: E402
from scripts.mutants.operators import Function  # noqa: E402
from scripts.mutants.survivors import Guard, guards_in, judged_in  # noqa: E402

RESULT = ROOT / "benchmarks" / "results" / "mutants.json"
OUTCOMES = ROOT / ".data" / "mutants" / "outcomes.jsonl"
WANTED = 0.85
"""The least share of the mutants of each room, without those that nobody could notice, that tests notice."""
PYTEST = ("-q", "-s", "--no-header", "-p", "no:cacheprovider", "-o", "addopts=--import-mode=importlib")


@cache
def contents(*names: str) -> str:
    """The digest of files, and of the tests in folders."""
    files = dict.fromkeys(ROOT / name.partition("::")[0] for name in names)
    paths = [path for file in files for path in (sorted(file.rglob("test_*.py")) or [file])]
    return sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()[:16]


@cache
def source_of(test: str) -> str:
    """The digest of a function of a test; empty where there is none of that name any more."""
    file, _, name = test.partition("::")
    if not (ROOT / file).is_file():
        return ""
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    found = [node for node in tree.body if isinstance(node, Function) and node.name == name.partition("[")[0]]
    return sha256(ast.dump(found[0]).encode()).hexdigest()[:16] if found else ""


class Outcomes:
    """What became of each mutant, on disk. It holds while the guard and its tests are as they were; that a test noticed
    a mutant also while that test is.
    """

    def __init__(self) -> None:
        lines = OUTCOMES.read_text(encoding="utf-8").splitlines() if OUTCOMES.exists() else []
        self.by_mutant: dict[str, dict[str, str]] = {(line := json.loads(each))["mutant"]: line for each in lines}

    def of(self, guard: Guard, mutant: Mutant) -> str | None:
        kept = self.by_mutant.get(str(mutant))
        if kept is None or kept["guard"] != contents(guard.file):
            return None
        noticed = bool(kept["test"]) and kept["test_source"] == source_of(kept["test"])
        return kept["outcome"] if noticed or kept["tests"] == contents(*guard.tests) else None

    def keep(self, guard: Guard, mutant: Mutant, outcome: str, test: str) -> None:
        digests = {"guard": contents(guard.file), "tests": contents(*guard.tests), "test_source": source_of(test)}
        kept = {"mutant": str(mutant), "outcome": outcome, "test": test} | digests
        OUTCOMES.parent.mkdir(parents=True, exist_ok=True)
        with OUTCOMES.open("a", encoding="utf-8") as file:
            file.write(json.dumps(kept) + "\n")


def run_room(room: str, deadline: float, most: int | None) -> None:
    """Tries the mutants of one room in this process, those without an outcome."""
    guards = {guard.file: guard for guard in guards_in(ROOT) if guard.room == room}
    outcomes = Outcomes()
    files = {file: guard.mutated(ROOT) for file, guard in guards.items()}
    wanted = [
        mutant
        for file, guard in guards.items()
        for mutant in guard.chosen(files[file], most)
        if outcomes.of(guard, mutant) is None
    ]
    if not wanted:
        return

    def found(mutant: Mutant, outcome: str, test: str) -> bool:
        outcomes.keep(guards[mutant.file], mutant, outcome, test)
        if outcome in ("survived", "not run"):
            print(f"{outcome}: {mutant}", flush=True)
        return time.monotonic() < deadline

    tests = {file: guards[file].tests for file in {mutant.file for mutant in wanted}}
    slow = frozenset(file for file in tests if guards[file].sample is not None)
    run = MutantRun({file: files[file] for file in tests}, tests, slow, wanted, found)
    os.chdir(ROOT)
    status = pytest.main([*PYTEST, *sorted({test for each in tests.values() for test in each})], plugins=[run])
    if status not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        raise SystemExit(f"The mutants of {room} were not tried: {status!r}")


def report(most: int | None) -> dict[str, object]:
    """The figures of every room, over files of which every chosen mutant was tried, and the survivors; those that are
    not judged come with `open`.
    """
    outcomes, judged = Outcomes(), judged_in(ROOT)
    rooms: dict[str, Counter[str]] = {}
    survivors: list[str] = []
    for guard in guards_in(ROOT):
        mutated = guard.mutated(ROOT)
        counts = rooms.setdefault(guard.room, Counter())
        counts["in_code"] += len(mutated.edits)
        tried = {mutant: outcomes.of(guard, mutant) for mutant in guard.chosen(mutated, most)}
        if (
            None in tried.values()
        ):  # of those that are left, more would survive: after a new test, only kills still hold
            counts["not tried"] += len(tried)
            continue
        for mutant, outcome in tried.items():
            if outcome in ("survived", "not run"):
                known = judged.get((mutant.file, mutant.function, mutant.name))
                outcome = known.verdict if known else "open"
                survivors.append(f"{outcome}: {mutant}")
            counts[outcome] += 1
    return {
        "measured_at": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "machine": f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}",
        "wanted_score": WANTED,
        "most_for_each_file": most or "all",
        "rooms": {"all": _figures(sum(rooms.values(), Counter()))} | {room: _figures(rooms[room]) for room in rooms},
        "survivors": survivors,
    }


def _figures(counts: Counter[str]) -> dict[str, float]:
    tried = {name: counts[name] for name in ("killed", "equivalent", "accepted", "open")}
    noticeable = sum(tried.values()) - tried["equivalent"]
    score = round(tried["killed"] / noticeable, 3) if noticeable else 1.0
    return {
        "in_code": counts["in_code"],
        "tried": sum(tried.values()),
        **tried,
        "not_tried": counts["not tried"],
        "score": score,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description="Mutation testing of what decides.")
    parser.add_argument("rooms", nargs="*", help="rooms of tests/mutants/guards.yaml; all without one")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after that time, to be continued")
    parser.add_argument("--most", type=int, help="try at most so many mutants of each file, always the same ones")
    parser.add_argument("--here", action="store_true", help="try the mutants of one room in this process")
    options = parser.parse_args()
    deadline = time.monotonic() + options.seconds
    known = list(dict.fromkeys(guard.room for guard in guards_in(ROOT)))
    if unknown := sorted(set(options.rooms) - set(known)):
        parser.error(f"no such room: {', '.join(unknown)}; there are {', '.join(known)}")
    rooms = options.rooms or known
    if options.here:
        run_room(rooms[0], deadline, options.most)
        return 0
    for room in rooms:
        left = deadline - time.monotonic()
        if left > 0:
            command = [sys.executable, __file__, room, "--here", "--seconds", str(left)]
            command += ["--most", str(options.most)] if options.most else []
            subprocess.run(command, cwd=ROOT, check=True)
    figures = report(options.most)
    RESULT.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return judge(figures)


def judge(figures: dict[str, object]) -> int:
    """Prints the score of each room; not 0 when one is too low or a survivor has not been judged."""
    rooms: dict[str, dict[str, float]] = figures["rooms"]  # type: ignore[assignment]
    for room, row in rooms.items():
        print(f"{room:14} {row['score']:.1%}  " + ", ".join(f"{name} {row[name]}" for name in row if name != "score"))
    open_ones = [line for line in figures["survivors"] if line.startswith("open")]  # type: ignore[attr-defined]
    print(*open_ones, sep="\n")
    return int(bool(open_ones) or any(row["score"] < WANTED for row in rooms.values()))


if __name__ == "__main__":
    sys.exit(main())
