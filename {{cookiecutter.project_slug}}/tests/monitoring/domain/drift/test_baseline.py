"""The bins of a reference with few values, without some of them, and with what it never saw."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import numpy as np
import pytest

from app.core.clock import ManualClock
from app.inference.domain.answer_record import AnswerRecord
from app.monitoring.domain.drift.baseline import BINNED, EXAMPLES, Baseline, Bins, TrafficSample
from app.monitoring.domain.drift.signals import SIGNALS, SignalCheck, SignalName
from app.monitoring.domain.question_vectors import QuestionArray, normalised
from tests.monitoring.traffic import record_of

CLOCK = ManualClock()


def answers(count: int, **values: Any) -> list[AnswerRecord]:
    return [record_of(CLOCK, "How do I book it?", **values) for _ in range(count)]


def sample(records: Sequence[AnswerRecord], seed: int = 1, far: int = 0) -> TrafficSample:
    """Questions around one direction. far: so many, the last ones, around another."""
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((len(records), 16)) * 0.1
    rows[:, 0] += 1
    if far:
        rows[-far:, 0] -= 1
        rows[-far:, 1] += 1
    return TrafficSample(records, normalised(rows.astype(np.float32)))


def bins_of(baseline: Baseline, window: TrafficSample, name: SignalName) -> list[int]:
    return [int(each) for each in baseline.binning.of(window)[:, BINNED.index(name)]]


def checks(baseline: Baseline, bins: Bins) -> dict[str, SignalCheck]:
    return {each.signal: each for each in baseline.check(bins, 0.001)}


@pytest.fixture(scope="module")
def usual() -> Baseline:
    varied = [
        record_of(
            CLOCK,
            "How do I book it?",
            latency_ms=float(number),
            cost_micro_usd=number,
            sources=("handbook",) if number % 2 else ("wiki",),
        )
        for number in range(400)
    ]
    return Baseline.fit(sample(varied))


class TestSamples:
    def test_an_answer_whose_question_has_no_vector_is_left_out(self) -> None:
        one, other = answers(2)
        vector: QuestionArray = np.asarray([1, 0], dtype=np.float32)
        found = TrafficSample.of([one, other], {other.id: vector, UUID(int=1): vector})
        assert (list(found.records), found.vectors.tolist()) == ([other], [[1, 0]])

    def test_without_any_vector_a_sample_is_empty(self) -> None:
        found = TrafficSample.of(answers(2), {})
        assert (len(found.records), len(found.vectors)) == (0, 0)


class TestBins:
    @pytest.mark.parametrize(
        ("latency", "number"), [(-5.0, 0), (0.0, 0), (49.875, 0), (49.9, 1), (200.0, 4), (1e12, 7), (float("inf"), 7)]
    )
    def test_numbers_fall_into_eighths_of_the_reference(self, usual: Baseline, latency: float, number: int) -> None:
        assert bins_of(usual, sample(answers(1, latency_ms=latency)), "latency") == [number]

    def test_each_eighth_holds_as_many_of_the_reference(self, usual: Baseline) -> None:
        assert usual.counts["latency"].tolist() == [50] * 8
        assert usual.counts["costs"].tolist() == [50] * 8

    def test_a_number_that_is_always_the_same_divides_less_from_more(self) -> None:
        baseline = Baseline.fit(sample(answers(120, cost_micro_usd=100)))
        values = [99, 100, 101]
        window = sample([record_of(CLOCK, "?", cost_micro_usd=each) for each in values])
        assert bins_of(baseline, window, "costs") == [0, 0, 1]

    @pytest.mark.parametrize(
        ("name", "values"),
        [
            ("retrieval_scores", {"top_score": None}),
            ("answer_length", {"refusal": "off_topic", "answer_characters": 40}),
            ("sources", {"sources": ()}),
            ("latency", {"model": "new"}),
        ],
    )
    def test_an_answer_without_the_value_counts_nowhere(
        self, usual: Baseline, name: SignalName, values: dict[str, Any]
    ) -> None:
        window = sample(answers(50, **values))
        assert set(bins_of(usual, window, name)) == {-1}
        found = checks(usual, usual.binning.of(window))[name]
        assert (found.p, found.effect, found.window) == (1.0, 0.0, 0)

    @pytest.mark.parametrize(("count", "known"), [(99, False), (100, True)])
    def test_of_a_model_with_few_answers_no_latency_is_usual(self, count: int, known: bool) -> None:
        baseline = Baseline.fit(sample([*answers(150), *answers(count, model="rare")]))
        assert ("rare" in baseline.binning.models) is known
        assert int(baseline.counts["latency"].sum()) == 150 + count * known

    @pytest.mark.parametrize(("count", "rare"), [(19, True), (20, False), (21, False)])
    def test_rare_names_share_a_bin_with_those_that_are_new(self, count: int, rare: bool) -> None:
        """A name is rare below a share of a twentieth, 20 of 400."""
        baseline = Baseline.fit(sample([*answers(380), *answers(count, sources=("wiki",))]))
        named = baseline.binning.names["sources"]
        assert named == (("handbook",) if rare else ("handbook", "wiki"))
        window = sample([*answers(1, sources=("wiki",)), *answers(1, sources=("blog",))])
        wiki, blog = bins_of(baseline, window, "sources")
        assert blog == len(named)
        assert (wiki == blog) is rare

    def test_only_the_first_source_of_an_answer_counts(self, usual: Baseline) -> None:
        window = sample([*answers(1, sources=("wiki", "handbook")), *answers(1, sources=("wiki",))])
        assert len(set(bins_of(usual, window, "sources"))) == 1

    def test_every_bin_is_one_of_the_widths(self, usual: Baseline) -> None:
        window = sample(answers(60, latency_ms=1e9, cost_micro_usd=10**9, sources=("x",), refusal="off_topic"), far=20)
        bins = usual.binning.of(window)
        assert bins.shape == (60, len(SIGNALS) - 1)
        widths = [usual.binning.widths[name] for name in BINNED]
        assert (bins.max(axis=0) < widths).all()
        assert bins.min() >= -1


class TestChecks:
    def test_all_signals_but_the_vectors_are_checked_once(self, usual: Baseline) -> None:
        found = usual.check(usual.binning.of(sample(answers(40))), 0.001)
        assert [each.signal for each in found] == list(BINNED)
        assert set(BINNED) | {"questions"} == set(SIGNALS)
        assert {each.alpha for each in found} == {0.001}

    def test_a_window_without_an_answer_says_nothing(self, usual: Baseline) -> None:
        empty = np.zeros((0, len(BINNED)), dtype=np.int64)
        assert {(each.p, each.effect, each.window) for each in usual.check(empty, 0.001)} == {(1.0, 0.0, 0)}

    def test_questions_nearer_than_usual_are_no_trouble_and_new_ones_are(self, usual: Baseline) -> None:
        near = sample(answers(100))
        same = TrafficSample(near.records, np.repeat(usual.binning.questions[:1], 100, axis=0))
        found = checks(usual, usual.binning.of(same))["uncovered"]
        assert found.effect <= 0 < found.p
        assert found.p > 0.05
        far = checks(usual, usual.binning.of(sample(answers(100), seed=2, far=30)))["uncovered"]
        assert far.p < 1e-6
        assert far.effect == pytest.approx(0.3, abs=0.08)

    def test_fewer_refusals_are_a_change_too(self) -> None:
        baseline = Baseline.fit(sample([*answers(200), *answers(200, refusal="off_topic")]))
        window = sample(answers(100))
        found = checks(baseline, baseline.binning.of(window))["refusals"]
        assert found.p < 1e-6
        assert found.effect == -0.5
        shown = baseline.examples("refusals", baseline.binning.of(window))
        assert shown == list(range(EXAMPLES))

    def test_examples_are_those_of_the_bin_that_grew_most(self, usual: Baseline) -> None:
        records = [record_of(CLOCK, "?", cost_micro_usd=5000 if n % 3 == 2 else n * 4) for n in range(60)]
        bins = usual.binning.of(sample(records))
        assert usual.examples("costs", bins) == [2, 5, 8, 11, 14]

    @pytest.mark.parametrize("name", ["questions", "uncovered"])
    def test_of_new_questions_only_new_ones_are_shown(self, usual: Baseline, name: SignalName) -> None:
        bins = usual.binning.of(sample(answers(50), seed=4, far=3))
        shown = usual.examples(name, bins)
        assert set(shown) >= {47, 48, 49}
        covered = usual.binning.of(TrafficSample(answers(9), usual.binning.questions[:9]))
        assert usual.examples(name, covered) == []


def test_a_reference_gives_the_same_bins_every_time() -> None:
    reference = sample(answers(150), seed=9, far=40)
    one, other = Baseline.fit(reference), Baseline.fit(reference)
    window = sample(answers(50), seed=10, far=10)
    assert np.array_equal(one.binning.of(window), other.binning.of(window))
    assert one.check_questions(window.vectors, 0.01) == other.check_questions(window.vectors, 0.01)


@pytest.mark.parametrize("count", [2, 5, 10, 11])
def test_there_are_as_many_topics_as_questions_at_most(count: int) -> None:
    baseline = Baseline.fit(sample(answers(count)))
    assert baseline.binning.widths["topics"] == min(10, count)
    assert np.linalg.norm(baseline.binning.centres, axis=1) == pytest.approx(np.ones(min(10, count)), abs=1e-5)
    assert int(baseline.counts["topics"].sum()) == count
