"""How often the verdict on a canary is right, in simulated traffic with a known effect.

    python -m benchmarks.canary_simulation --runs 2000

Conversations of unequal length are assigned to one arm each; answers of one conversation are correlated. The verdict
is computed after every 50 answers of the canary.
"""

import argparse
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from app.evaluation.domain.canary import CanarySampleSize, decide_canary
from app.evaluation.domain.policy import CanaryPolicy
from app.evaluation.domain.sequential import Sample

Floats = NDArray[np.float64]
LOOK = 50
SAMPLE = 1000
_CORRELATION = 0.1


@dataclass(frozen=True)
class Traffic:
    """Rates of the control, and the harm of the canary: a difference for rates, a factor for latency and cost.

    turns: mean number of answers per conversation. rated: the share of answers with feedback.
    """

    name: str
    errors: float = 0.01
    refusals: float = 0.15
    findings: float = 0.03
    unhelpful: float = 0.2
    rated: float = 0.1
    turns: float = 4.0
    percent: int = 10
    more: tuple[tuple[str, float], ...] = ()


CLEAN = (
    Traffic("no harm"),
    Traffic("no harm, half of the traffic", percent=50),
    Traffic("no harm, long conversations", turns=12.0),
    Traffic("no harm, errors are rare", errors=0.002, findings=0.005),
    Traffic("no harm, sticky by tenant, 30 answers each", turns=30.0, percent=50),
)
HARMFUL = (
    Traffic("6 points more errors", more=(("errors", 0.06),)),
    Traffic("50 percent slower", more=(("latency_ms", 1.5),)),
    Traffic("20 points more refusals", more=(("refusals", 0.2),)),
    Traffic("10 points more findings", more=(("findings", 0.1),)),
    Traffic("groundedness 10 points lower", more=(("groundedness", 0.1),)),
    Traffic("50 percent more expensive", more=(("cost_micro_usd", 1.5),)),
    Traffic("30 points less helpful, every third answer rated", rated=0.33, more=(("feedback", 0.3),)),
)


@dataclass(frozen=True)
class Arm:
    """All answers of one arm in order of time; `rated` marks those with feedback."""

    units: NDArray[np.intp]
    values: dict[str, Floats]
    rated: NDArray[np.bool_]

    def first(self, answers: int, name: str) -> Sample:
        selected = self.rated[:answers] if name == "feedback" else slice(None)
        return Sample(self.units[:answers][selected], self.values[name][:answers][selected])


def draw(traffic: Traffic, answers: int, rng: np.random.Generator, worse: dict[str, float]) -> Arm:
    lengths = rng.geometric(1 / traffic.turns, answers)
    units = np.repeat(np.arange(answers), lengths)[:answers].astype(np.intp)
    latency = 7.0 + 0.4 * rng.standard_normal(answers)[units] + 0.5 * rng.standard_normal(answers)
    cost = 6.0 + 0.3 * rng.standard_normal(answers)[units] + 0.4 * rng.standard_normal(answers)
    outliers = (rng.random(answers) < 0.02) * rng.exponential(2.0, answers)
    values = {
        "errors": _yes_no(units, traffic.errors + worse.get("errors", 0.0), rng),
        "refusals": _yes_no(units, traffic.refusals + worse.get("refusals", 0.0), rng),
        "findings": _yes_no(units, traffic.findings + worse.get("findings", 0.0), rng),
        "feedback": _yes_no(units, traffic.unhelpful + worse.get("feedback", 0.0), rng),
        "groundedness": np.clip(rng.beta(1.0, 9.0, answers) + worse.get("groundedness", 0.0), 0, 1),
        "latency_ms": latency + outliers + np.log(worse.get("latency_ms", 1.0)),
        "cost_micro_usd": cost + np.log(worse.get("cost_micro_usd", 1.0)),
    }
    return Arm(units, values, rng.random(answers) < traffic.rated)


def _yes_no(units: NDArray[np.intp], share: float, rng: np.random.Generator) -> Floats:
    """Binary values whose rate varies by conversation, so that answers of one conversation are correlated."""
    spread = 1 / _CORRELATION - 1
    own = rng.beta(share * spread, (1 - share) * spread, len(units))[units]
    return (rng.random(len(units)) < own).astype(np.float64)


def outcome(traffic: Traffic, answers: int, rng: np.random.Generator, policy: CanaryPolicy) -> tuple[str, int, str]:
    """The verdict, the number of answers of the canary until then, and the metrics found harmful."""
    ratio = (100 - traffic.percent) / traffic.percent
    control = draw(traffic, int(answers * ratio), rng, {})
    canary = draw(traffic, answers, rng, dict(traffic.more))
    for looked in range(LOOK, answers + 1, LOOK):
        control_answers = int(looked * ratio)
        samples = {name: (control.first(control_answers, name), canary.first(looked, name)) for name in policy.harms}
        size = CanarySampleSize(min(looked, control_answers), len(set(canary.units[:looked].tolist())))
        result = decide_canary(samples, size, policy, timedelta(0))
        if result.verdict != "HOLD":
            return result.verdict, looked, " ".join(each.metric for each in result.findings if each.harmful)
    return "HOLD", answers, ""


def simulate(traffic: Traffic, answers: int, runs: int, seed: int) -> dict[str, float]:
    """named: share of runs in which the harmed metric is found harmful. answers: median until the verdict."""
    rng, policy = np.random.default_rng(seed), CanaryPolicy()
    results = [outcome(traffic, answers, rng, policy) for _ in range(runs)]
    harmed = [name for name, _ in traffic.more]
    return {
        "passed": _share(verdict == "PASS" for verdict, _, _ in results),
        "failed": _share(verdict == "FAIL" for verdict, _, _ in results),
        "held": _share(verdict == "HOLD" for verdict, _, _ in results),
        "named": _share(any(name in harmful.split() for name in harmed) for _, _, harmful in results),
        "answers": float(np.median([looked for _, looked, _ in results])),
    }


def _share(flags: Iterable[bool]) -> float:
    return round(float(np.mean(list(flags))), 4)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--answers", type=int, default=SAMPLE, help="maximum number of answers of the canary")
    parser.add_argument("--short", action="store_true", help="a little of everything; no result is written")
    options = parser.parse_args()
    if options.short:
        options.runs, options.answers = 2, 100
    result = {
        traffic.name: simulate(traffic, options.answers, options.runs, seed=number)
        for number, traffic in enumerate((*CLEAN, *HARMFUL))
    }
    # Imported late: it imports the whole service, which the tests of this simulation do not need.
    from benchmarks.harness import write

    command = f"python -m benchmarks.canary_simulation --runs {options.runs} --answers {options.answers}"
    write(
        "canary_simulation",
        {"command": command, "answers_of_the_canary": options.answers, "traffic": result},
        options.short,
    )


if __name__ == "__main__":
    main()
