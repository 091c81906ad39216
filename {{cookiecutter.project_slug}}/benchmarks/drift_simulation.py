"""How often drift is reported where there is none, and how soon where there is, in simulated months of traffic.

    python -m benchmarks.drift_simulation --runs 1000

Questions are vectors around topics; figures of answers are drawn from skewed distributions. A month has 100 to 2,400
questions a day, and grows tenfold in the runs with growth. Everything is compared as the worker compares it: the newest
500 answers after each 100, at most once an hour, and the vectors of the questions once a day.
"""

import argparse
from dataclasses import dataclass, replace
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from app.core.clock import ManualClock
from app.inference.domain.answer_record import AnswerRecord
from app.monitoring.domain.drift.baseline import Baseline, Bins, TrafficSample
from app.monitoring.domain.drift.drift_policy import DriftPolicy
from app.monitoring.domain.drift.signals import LOOKS_A_DAY, PERIOD_DAYS, alpha_of_look
from app.monitoring.domain.question_vectors import QuestionArray, normalised

DIMENSIONS, TOPICS = 48, 25
AT = ManualClock().now()


@dataclass(frozen=True)
class World:
    """Topics with their shares, and one more that nobody has asked about yet."""

    centres: NDArray[np.float64]
    shares: NDArray[np.float64]

    @classmethod
    def draw(cls, rng: np.random.Generator) -> "World":
        centres = rng.standard_normal((TOPICS + 1, DIMENSIONS))
        return cls(centres, rng.dirichlet(np.full(TOPICS, 3.0)))

    def sample(self, count: int, rng: np.random.Generator, unseen: float = 0.0) -> TrafficSample:
        """unseen: the share of the new topic."""
        topics = rng.choice(TOPICS, count, p=self.shares)
        topics[rng.random(count) < unseen] = TOPICS
        noise = 0.8 * rng.standard_normal((count, DIMENSIONS))
        vectors = normalised((self.centres[topics] + noise).astype(np.float32))
        return TrafficSample(_records(count, rng), vectors)


_QUESTIONS = ("How do I book a room?", "Wie buche ich einen Raum?", "VPN")
_PLAIN = AnswerRecord(
    UUID(int=0), AT, "", "", False, (), (), None, "", "", "0" * 64, "gpt", None, None, None, 0, 0.0, (), 0
)


def _records(count: int, rng: np.random.Generator) -> list[AnswerRecord]:
    refused, lengths = rng.random(count) < 0.1, rng.integers(0, 80, count)
    scores, costs = rng.beta(5, 2, count), np.exp(5 + rng.standard_normal(count)).astype(int)
    latency, written = np.exp(6 + 0.6 * rng.standard_normal(count)), rng.gamma(2.0, 200.0, count).astype(int)
    languages, sources = rng.choice(3, count, p=(0.8, 0.15, 0.05)), rng.choice(4, count, p=(0.6, 0.3, 0.08, 0.02))
    return [
        replace(
            _PLAIN,
            question=_QUESTIONS[languages[each]] + "x" * int(lengths[each]),
            refusal="off_topic" if refused[each] else "",
            top_score=float(scores[each]),
            cost_micro_usd=int(costs[each]),
            latency_ms=float(latency[each]),
            answer_characters=int(written[each]),
            sources=(f"source-{sources[each]}",),
        )
        for each in range(count)
    ]


@dataclass(frozen=True)
class Pool:
    """Many answers, from which the traffic of a month is drawn."""

    bins: Bins
    vectors: QuestionArray

    @classmethod
    def of(cls, baseline: Baseline, sample: TrafficSample) -> "Pool":
        return cls(baseline.binning.of(sample), sample.vectors)


def volumes(rng: np.random.Generator, growth: float) -> list[int]:
    """Questions of each day."""
    start = int(np.exp(rng.uniform(np.log(100), np.log(2400))))
    factors = np.linspace(1.0, growth, PERIOD_DAYS)
    return [int(start * each * rng.uniform(0.7, 1.3)) for each in factors]


def month(
    baseline: Baseline, pool: Pool, policy: DriftPolicy, rng: np.random.Generator, growth: float
) -> dict[str, int]:
    """The number of the day of the first alarm of each signal that gives one, in a month without drift."""
    alarms: dict[str, int] = {}
    hourly, daily = alpha_of_look(policy), alpha_of_look(policy, 1)
    days = volumes(rng, growth)
    order = rng.integers(0, len(pool.bins), sum(days))
    asked = 0
    for day, volume in enumerate(days):
        looks = min(LOOKS_A_DAY, volume // policy.step)
        for end in asked + np.linspace(volume / max(looks, 1), volume, max(looks, 1)).astype(int):
            window = order[max(0, end - policy.window) : end]
            if looks and len(window) >= policy.step:
                for check in baseline.check(pool.bins[window], hourly):
                    if check.drifted(policy):
                        alarms.setdefault(check.signal, day)
        asked += volume
        newest = order[max(0, asked - policy.window) : asked]
        if len(newest) >= policy.step and baseline.check_questions(pool.vectors[newest], daily).drifted(policy):
            alarms.setdefault("questions", day)
    return alarms


def detection(world: World, baseline: Baseline, pool: Pool, policy: DriftPolicy, rng: np.random.Generator) -> int:
    """How many questions after a tenth of them went to a new topic the first alarm comes; 10,000 for none in 2,000."""
    usual = pool.bins[rng.integers(0, len(pool.bins), policy.window)]
    shifted = baseline.binning.of(world.sample(2000, rng, unseen=0.1))
    traffic = np.concatenate([usual, shifted])
    for asked in range(policy.step, 2001, policy.step):
        window = traffic[asked : asked + policy.window]
        if any(each.drifted(policy) for each in baseline.check(window, alpha_of_look(policy))):
            return asked
    return 10_000


@dataclass(frozen=True)
class Size:
    """worlds: each with its own reference. months, shifts: of each world. pool: answers that traffic is drawn from."""

    worlds: int
    months: int = 20
    shifts: int = 4
    pool: int = 12_000


def simulate(size: Size, seed: int) -> dict[str, object]:
    policy, rng = DriftPolicy(), np.random.default_rng(seed)
    plain: list[dict[str, int]] = []
    grown: list[dict[str, int]] = []
    delays: list[int] = []
    for _ in range(size.worlds):
        world = World.draw(rng)
        baseline = Baseline.fit(world.sample(policy.max_reference, rng))
        pool = Pool.of(baseline, world.sample(size.pool, rng))
        for number in range(size.months):
            growing = number % 4 == 0
            (grown if growing else plain).append(month(baseline, pool, policy, rng, 10.0 if growing else 1.0))
        delays += [detection(world, baseline, pool, policy, rng) for _ in range(size.shifts)]
    every = [*plain, *grown]
    signals = sorted({name for each in every for name in each})
    return {
        "months": len(every),
        "false_alarms": round(float(np.mean([bool(each) for each in every])), 4),
        "false_alarms_by_signal": {name: sum(name in each for each in every) for name in signals},
        "months_with_growth": len(grown),
        "false_alarms_with_growth": round(float(np.mean([bool(each) for each in grown])), 4),
        "shifts": len(delays),
        "found_within_500": round(float(np.mean([each <= 500 for each in delays])), 4),
        "median_questions": int(np.median(delays)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1000, help="number of simulated months")
    parser.add_argument("--short", action="store_true", help="a little of everything; no result is written")
    options = parser.parse_args()
    size = Size(1, 2, 1, 2_000) if options.short else Size(max(1, options.runs // Size.months))
    result = simulate(size, seed=1)
    from benchmarks.harness import write

    write(
        "drift_simulation",
        {"command": f"python -m benchmarks.drift_simulation --runs {options.runs}", **result},
        options.short,
    )


if __name__ == "__main__":
    main()
