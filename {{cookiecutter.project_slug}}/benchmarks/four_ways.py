"""Thousands of drawn outcomes, each through every way out: three paths, each whole and as a stream.

An outcome is a question, what the models do, call by call, and the state of everything else that decides: policies of
review and output, budgets, overload, deadlines, actions. The same outcome is asked for in each way, and everything that
comes back or is left behind is compared: text, citations, status, reasons, finish reason, usage, cost, ids, warnings,
problems, the stored answer, the ledger, metrics and spans. A fifth of the requests has an Idempotency-Key and is sent
again, in the same form and in the other one. It is the test `tests/inference/test_four_ways.py` with more outcomes; the
models are stand-ins that speak real HTTP.

Run with `python -m benchmarks.four_ways [--outcomes 2400] [--seed 1] [--folder FOLDER]`. Half an hour on two cores.
With a folder for the results of its parts, a run that was interrupted goes on with those that are missing.
"""

import argparse
import asyncio
import hashlib
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

from hypothesis import HealthCheck, Phase, given, seed
from hypothesis import settings as hypothesis_settings

from app.core.logging import configure_logging
from app.settings import Settings
from benchmarks.harness import ROOT, arguments_of, fresh_database, house, write
from tests.inference.ways.comparison import check, kind_of
from tests.inference.ways.doors import DOORS
from tests.inference.ways.outcomes import OUTCOMES, Outcome
from tests.inference.ways.stage import PRICES, Traces, open_stage

SHORT = 5
PARTS = 8
PROCESSES = 2


def draw(count: int, first_seed: int, play: Callable[[Outcome], None]) -> None:
    """Draws outcomes that have not been drawn before."""

    @seed(first_seed)
    @hypothesis_settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    @given(OUTCOMES)
    def run(outcome: Outcome) -> None:
        play(outcome)

    run()


def reasons_of(traces: Traces) -> list[str]:
    """The reasons of an answer, without the names of models and figures."""
    reasons = (traces.seen.body or {}).get("reasons", ())
    return [each.split(": ")[-1] if each.startswith("stand-") else each.split(":")[0] for each in reasons]


def explore(outcomes: int, first_seed: int) -> tuple[set[str], Counter[str], Counter[str]]:
    """Digests of the outcomes, and how often each kind and reason came about. Errors: AssertionError."""
    kinds: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    played: set[str] = set()
    configure_logging("CRITICAL", "console")
    with fresh_database() as urls, tempfile.TemporaryDirectory() as folder, asyncio.Runner() as runner:
        root = house(Path(folder), PRICES)
        chosen = Settings(root=root, data_dir=Path(folder) / "data", embedder="none", _env_file=None)
        opening = open_stage(chosen, urls)
        stage = runner.run(opening.__aenter__())

        def play(outcome: Outcome) -> None:
            for traces in runner.run(check(stage, outcome, uuid4().hex)).values():
                kinds[kind_of(traces)] += 1
                reasons.update(reasons_of(traces))
            played.add(hashlib.sha256(repr(outcome).encode()).hexdigest()[:16])

        try:
            draw(outcomes, first_seed, play)
        finally:
            runner.run(opening.__aexit__(None, None, None))
    return played, kinds, reasons


def explore_in_parts(outcomes: int, first_seed: int, folder: Path) -> list[dict[str, Any]]:
    """The results of all parts, each in a process. Errors: SystemExit, where one of them found a difference."""
    seeds = range(first_seed, first_seed + PARTS)
    files = {each: folder / f"{each}.json" for each in seeds}
    with ThreadPoolExecutor(PROCESSES) as processes:
        missing = [each for each in seeds if not files[each].exists()]
        ended = list(processes.map(lambda each: explore_apart(outcomes // PARTS, each, files[each]), missing))
    if any(ended):
        sys.exit("A difference was found, as printed above.")
    return [json.loads(file.read_text(encoding="utf-8")) for file in files.values()]


def explore_apart(outcomes: int, seed: int, file: Path) -> int:
    command = [sys.executable, "-m", "benchmarks.four_ways", "--outcomes", str(outcomes), "--seed", str(seed)]
    return subprocess.run([*command, "--part", str(file)], cwd=ROOT, check=False).returncode


def result_of(outcomes: int, first_seed: int) -> dict[str, Any]:
    started = time.perf_counter()
    different, kinds, reasons = explore(outcomes, first_seed)
    seconds = round(time.perf_counter() - started)
    return {"outcomes": sorted(different), "ways_by_kind": kinds, "ways_by_reason": reasons, "seconds": seconds}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--outcomes", type=int, default=2400)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, help="for the results of the parts")
    parser.add_argument("--part", type=Path, help="for the processes of a run: the file for the result")
    options = arguments_of(parser)
    if options.part:
        options.part.write_text(json.dumps(result_of(options.outcomes, options.seed)), encoding="utf-8")
        return
    with tempfile.TemporaryDirectory() as folder:
        parts = (
            [result_of(SHORT, options.seed)]
            if options.short
            else explore_in_parts(options.outcomes, options.seed, options.folder or Path(folder))
        )
    counted = ("ways_by_kind", "ways_by_reason")
    summed = {name: sum((Counter(part[name]) for part in parts), Counter[str]()) for name in counted}
    result = {
        "outcomes": len(set().union(*(part["outcomes"] for part in parts))),
        "ways": len(DOORS),
        "first_seed": options.seed,
        "differences": 0,
        "seconds": sum(part["seconds"] for part in parts),
        **{name: dict(sorted(counts.items())) for name, counts in summed.items()},
    }
    write("four_ways", result, options.short)


if __name__ == "__main__":
    main()
