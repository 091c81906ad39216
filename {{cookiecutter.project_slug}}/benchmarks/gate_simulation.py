"""How often the gate is right, in simulated runs with a known effect: coverage of its intervals, and its verdicts.

python -m benchmarks.gate_simulation --runs 10000 --judged 2000
"""

import argparse
from typing import Any

import numpy as np

from app.evaluation.domain.gate import apply_gate
from app.evaluation.domain.policy import MetricRule, QualityPolicy
from app.evaluation.domain.resampling import estimates, sum_by_cluster
from benchmarks.simulated_runs import KINDS, SUITES, Kind, World, scores, suite

METRICS = ("answer_facts", "retrieval_recall", "citation_precision", "groundedness", "refusal_precision")
TOLERANCE = 0.1
FALLS = (0.0, 0.05, TOLERANCE, 0.15)
BATCH = 250


def policy(draws: int = 1000) -> QualityPolicy:
    rules = {name: MetricRule(tier="critical", tolerance=TOLERANCE) for name in METRICS}
    return QualityPolicy(owner="simulation", resamples=draws, metrics=rules)


def coverage(kind: Kind, cases: int, documents: int, runs: int, fall: float, seed: int) -> float:
    """The share of runs whose 95 % interval covers the true difference; a new suite for every 250 runs."""
    rng = np.random.default_rng(seed)
    world, covered = World(kind, fall), 0
    for batch in range(runs // BATCH):
        where = suite(cases, documents, rng)
        before, after = world.draw(where, BATCH, rng)
        interval = estimates(sum_by_cluster(after - before, where), 0.05, 1000, seed + batch)
        covered += int(((interval.low <= -fall) & (-fall <= interval.high)).sum())
    return covered / (runs // BATCH * BATCH)


def verdicts(fall: float, cases: int, documents: int, runs: int, seed: int) -> dict[str, float]:
    """Verdicts of the gate on a release with five metrics, of which the first truly falls by `fall`.

    named: the first metric is a FAIL. stopped: it is a FAIL or INCONCLUSIVE. wrongly_failed: another one is a FAIL.
    detectable: mean of the fall that the suite can detect with the power of the policy.
    """
    rng = np.random.default_rng(seed)
    rules = policy()
    worlds = [World("right", fall), *(World("right", 0.0) for _ in METRICS[1:])]
    counts = {"passed": 0.0, "named": 0.0, "stopped": 0.0, "wrongly_failed": 0.0, "detectable": 0.0}
    for run in range(runs):
        where = suite(cases, documents, rng)
        drawn = [world.draw(where, 1, rng) for world in worlds]
        old, new = (
            scores(release, where.tolist(), {name: each[side][0] for name, each in zip(METRICS, drawn, strict=True)})
            for side, release in ((0, "a"), (1, "b"))
        )
        result = apply_gate(new, old, rules, seed=run)
        by_metric = {finding.metric: finding for finding in result.findings}
        first = by_metric.pop(METRICS[0])
        counts["passed"] += result.verdict == "PASS"
        counts["named"] += first.verdict == "FAIL"
        counts["stopped"] += first.verdict != "PASS"
        counts["wrongly_failed"] += any(finding.verdict == "FAIL" for finding in by_metric.values())
        counts["detectable"] += first.detectable or 0.0
    return {name: round(count / runs, 4) for name, count in counts.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10_000, help="runs for each coverage")
    parser.add_argument("--judged", type=int, default=2000, help="runs for each fall through the whole gate")
    parser.add_argument("--short", action="store_true", help="a little of everything; no result is written")
    options = parser.parse_args()
    if options.short:
        options.runs, options.judged = BATCH, 1
    covered = {
        f"{kind}, {cases} cases from {documents} documents, fall {fall:g}": round(
            coverage(kind, cases, documents, options.runs, fall, seed=1), 4
        )
        for kind in KINDS
        for cases, documents in SUITES
        for fall in FALLS
    }
    falls: dict[str, Any] = {
        f"{cases} cases from {documents} documents": {
            f"fall {fall:g}": verdicts(fall, cases, documents, options.judged, seed=2)
            for fall in (*FALLS, 0.18, 0.2, 0.25)
        }
        for cases, documents in SUITES
    }
    # Imported late: it imports the whole service, which the tests of this simulation do not need.
    from benchmarks.harness import write

    write(
        "gate_simulation",
        {
            "command": f"python -m benchmarks.gate_simulation --runs {options.runs} --judged {options.judged}",
            "interval_covers_the_truth": covered,
            "gate_of_five_metrics_tolerance_0.1": falls,
        },
        options.short,
    )


if __name__ == "__main__":
    main()
