"""Takes controls of a baked service away, one by one, and sees whether its tests notice: `sabotage.py [NAME…]`.

Each file in tests/sabotages belongs to one mistake and lists small changes of the service's code, each with the test
that must fail. Without a name, all of them. What each run finds is written to benchmarks/results/sabotages.json, beside
what is known of the others, with its time.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
LISTS = ROOT / "tests" / "sabotages"
RESULT = ROOT / "benchmarks" / "results" / "sabotages.json"
FOLDER = ROOT / "build" / "sabotage"
TESTS_FAILED = 1
"""The exit status of pytest that is meant: one of a module that cannot be imported is another."""
SECONDS = 600


@dataclass(frozen=True)
class Sabotage:
    """A text of one file that is replaced. mistake: the number of the one of the twelve that comes back with it. test:
    the node id of the test that must fail.
    """

    mistake: int
    name: str
    file: str
    old: str
    new: str
    test: str

    def applied(self, text: str) -> str:
        """Errors: ValueError, where the text is not there exactly once."""
        if text.count(self.old) != 1:
            raise ValueError(f"{self.file} holds the text of '{self.name}' {text.count(self.old)} times")
        return text.replace(self.old, self.new)

    @contextmanager
    def in_service(self, service: Path) -> Iterator[None]:
        """The service is sabotaged within the block."""
        path = service / self.file
        before = path.read_text(encoding="utf-8")
        path.write_text(self.applied(before), encoding="utf-8")
        try:
            yield
        finally:
            path.write_text(before, encoding="utf-8")


def sabotages() -> list[Sabotage]:
    return [
        Sabotage(int(path.stem), **entry)
        for path in sorted(LISTS.glob("*.yaml"))
        for entry in yaml.safe_load(path.read_text(encoding="utf-8"))
    ]


def run_tests(service: Path, tests: Sequence[str]) -> int:
    """The exit status of pytest, -1 where it does not end in time. No bytecode is kept: a file may be changed twice
    within a second.
    """
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("APP_", "DATABASE_"))}
    command = [".venv/bin/python", "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    try:
        done = subprocess.run(
            command,
            cwd=service,
            env={**clean, "PYTHONDONTWRITEBYTECODE": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=SECONDS,
        )
    except subprocess.TimeoutExpired:
        return -1
    return done.returncode


def is_noticed(service: Path, sabotage: Sabotage) -> bool:
    with sabotage.in_service(service):
        return run_tests(service, [sabotage.test]) == TESTS_FAILED


def bake() -> Path:
    (FOLDER / "template.sha256").unlink(missing_ok=True)  # what an interrupted run left sabotaged is baked anew
    subprocess.run([sys.executable, "scripts/bake.py", str(FOLDER)], cwd=ROOT, check=True)
    service = FOLDER / "handbook-answers"
    subprocess.run(["make", "-s", "env-dev"], cwd=service, check=True)
    return service


def main(names: Sequence[str]) -> int:
    wanted = [each for each in sabotages() if not names or each.name in names]
    if unknown := set(names) - {each.name for each in wanted}:
        print(f"There is no sabotage named {', '.join(sorted(unknown))}.")
        return 2
    service = bake()
    if run_tests(service, sorted({each.test for each in wanted})) != 0:
        print("The tests do not pass without any sabotage.")
        return 1
    all_noticed = True
    for each in wanted:
        started = time.monotonic()
        noticed = is_noticed(service, each)
        write(each, noticed)
        all_noticed &= noticed
        state = "noticed" if noticed else "NOT NOTICED"
        print(f"[{time.monotonic() - started:5.1f} s] {each.mistake:2} {state:11} {each.name}", flush=True)
    return 0 if all_noticed else 1


def write(tried: Sabotage, noticed: bool) -> None:
    """Its row of the result. A row of a sabotage that is gone, or of one with another test, goes."""
    known = json.loads(RESULT.read_text(encoding="utf-8"))["sabotages"] if RESULT.exists() else []
    rows = {(row["name"], row["test"]): row for row in known}
    now = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    own = {"mistake": tried.mistake, "name": tried.name, "test": tried.test, "noticed": noticed, "measured_at": now}
    rows[tried.name, tried.test] = own
    kept = [rows[each.name, each.test] for each in sabotages() if (each.name, each.test) in rows]
    by_mistake = {
        str(mistake): {
            "tried": sum(row["mistake"] == mistake for row in kept),
            "noticed": sum(row["mistake"] == mistake and row["noticed"] for row in kept),
        }
        for mistake in range(1, 13)
    }
    result = {"by_mistake": by_mistake, "sabotages": kept}
    RESULT.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
