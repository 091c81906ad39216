from dataclasses import replace

import pytest

from app.evaluation.domain.gate import WHOLE, GateResult, MetricFinding, apply_gate
from app.evaluation.domain.scores import RunScores
from tests.evaluation.sample_scores import case, changed, policy, rule, run

OLD = run("a", lambda number: float(number % 5 > 0))


def of(judgement: GateResult, metric: str = "answer_facts", name: str = WHOLE) -> MetricFinding:
    return next(each for each in judgement.findings if (each.metric, each.slice) == (metric, name))


def fallen_by(count: int, cases: int = 60) -> RunScores:
    """The first `count` of the correct cases become wrong, each in another document."""
    right = [number for number in range(0, cases, 2) if number % 5 > 0][:count]
    return run("b", lambda number: 0.0 if number in right else float(number % 5 > 0), cases)


def mixed(cases: int) -> RunScores:
    """One case in fifteen is worse, one is better."""
    return run("b", lambda n: 0.0 if n % 15 == 1 else 1.0 if n % 15 == 5 else float(n % 5 > 0), cases)


def test_an_identical_release_passes() -> None:
    found = apply_gate(replace(OLD, release_id="b" * 64), OLD, policy(), seed=1)
    assert (found.verdict, found.worse, found.fallen) == ("PASS", (), ())
    assert (of(found).difference, of(found).low, of(found).high) == (0, 0, 0)


def test_an_identical_release_passes_however_small_the_suite() -> None:
    old = run("a", lambda number: 1.0, cases=2)
    assert apply_gate(replace(old, release_id="b" * 64), old, policy(), seed=1).verdict == "PASS"


def test_a_release_that_is_not_worse_in_any_case_passes() -> None:
    assert apply_gate(OLD, changed(OLD, 1, values={"answer_facts": 0.0}), policy(), seed=1).verdict == "PASS"


def test_a_clear_fall_fails_and_is_named() -> None:
    found = apply_gate(fallen_by(12), OLD, policy(), seed=1)
    assert found.verdict == of(found).verdict == "FAIL"
    assert "fell by 0.200" in of(found).reason
    assert of(found).p is not None
    assert of(found).p < 0.05
    assert len(found.worse) == 12


def test_an_inconclusive_metric_blocks_and_reports_how_many_more_cases_it_needs() -> None:
    found = apply_gate(mixed(60), OLD, policy(), seed=1)
    assert found.verdict == of(found).verdict == "INCONCLUSIVE"
    assert of(found).more_cases is not None
    assert f"about {of(found).more_cases} more cases" in of(found).reason


def test_with_the_reported_number_of_cases_the_metric_is_conclusive() -> None:
    asked = of(apply_gate(mixed(60), OLD, policy(), seed=1)).more_cases
    cases = 60 + 2 * (asked or 0)
    old = run("a", lambda number: float(number % 5 > 0), cases)
    assert apply_gate(mixed(cases), old, policy(), seed=1).verdict == "PASS"


def test_an_inconclusive_advisory_metric_is_shown_and_does_not_block() -> None:
    found = apply_gate(both(OLD, "judge", 0.1), both(OLD, "judge", 0.9), policy(), seed=1)
    assert (of(found, "judge").verdict, of(found, "judge").blocking) == ("FAIL", False)
    assert found.verdict == "PASS"


def both(scores: RunScores, metric: str, value: float | None) -> RunScores:
    """The run with one more metric."""
    cases = tuple(replace(each, values={**each.values, metric: value}) for each in scores.cases)
    return replace(scores, cases=cases)


def test_a_wider_tolerance_turns_inconclusive_into_pass() -> None:
    assert apply_gate(mixed(60), OLD, policy(metrics=rule(tolerance=0.2)), seed=1).verdict == "PASS"


def test_a_fall_within_the_tolerance_is_no_failure_however_certain() -> None:
    old = run("a", lambda number: 0.9)
    found = apply_gate(run("b", lambda number: 0.86), old, policy(), seed=1)
    assert (of(found).verdict, round(of(found).difference or 0, 3)) == ("PASS", -0.04)
    assert of(found).p is not None
    assert of(found).p < 0.01


def test_a_metric_with_few_cases_is_inconclusive_unless_none_is_worse() -> None:
    old = run("a", lambda number: 1.0, cases=6)
    found = apply_gate(run("b", lambda number: 0.97, cases=6), old, policy(), seed=1)
    assert (found.verdict, of(found).more_cases) == ("INCONCLUSIVE", 4)


def test_a_protected_case_may_not_fall_whatever_the_average_says() -> None:
    old, new = changed(OLD, 1, protected=True), changed(OLD, 1, protected=True, values={"answer_facts": 0.9})
    found = apply_gate(new, old, policy(metrics=rule(tolerance=1.0)), seed=1)
    assert of(found).verdict == "PASS"
    assert (found.verdict, found.fallen) == ("FAIL", ("c001",))


def test_an_unprotected_case_may_fall() -> None:
    new = changed(OLD, 1, values={"answer_facts": 0.9})
    assert apply_gate(new, OLD, policy(metrics=rule(tolerance=1.0)), seed=1).verdict == "PASS"


def test_a_protected_case_without_a_score_has_fallen() -> None:
    old, new = changed(OLD, 1, protected=True), changed(OLD, 1, protected=True, values={"answer_facts": None})
    assert apply_gate(new, old, policy(), seed=1).fallen == ("c001",)


def test_a_broken_floor_fails_even_when_nothing_fell() -> None:
    found = apply_gate(replace(OLD, release_id="b" * 64), OLD, policy(metrics=rule(floor=0.9)), seed=1)
    assert of(found).verdict == "FAIL"
    assert "0.800 is below the floor of 0.900" in of(found).reason


def test_the_first_release_is_held_to_floors_and_protected_cases_only() -> None:
    assert apply_gate(OLD, None, policy(metrics=rule(floor=0.7)), seed=1).verdict == "PASS"
    assert apply_gate(OLD, None, policy(metrics=rule(floor=0.9)), seed=1).verdict == "FAIL"
    assert apply_gate(changed(OLD, 0, protected=True), None, policy(), seed=1).fallen == ("c000",)
    assert apply_gate(changed(OLD, 1, protected=True), None, policy(), seed=1).fallen == ()


def test_latency_is_compared_by_ratio_so_that_one_slow_case_does_not_decide() -> None:
    old = run("a", lambda number: 100.0, metric="latency_ms")
    one = run("b", lambda number: 9000.0 if number == 3 else 100.0, metric="latency_ms")
    slow = run("b", lambda number: 150.0, metric="latency_ms")
    found = apply_gate(slow, old, policy(metrics={"latency_ms": {"tolerance": 0.25}}), seed=1)
    assert of(found, "latency_ms").verdict == "FAIL"
    assert of(found, "latency_ms").difference == pytest.approx(-50 / 110)
    again = apply_gate(one, old, policy(metrics={"latency_ms": {"tolerance": 0.25}}), seed=1)
    assert of(again, "latency_ms").verdict == "PASS"


def test_latency_has_a_ceiling_for_its_slowest_twentieth() -> None:
    rules = policy(metrics={"latency_ms": {"floor": 1000}})
    few = run("a", lambda number: 5000.0 if number < 2 else 100.0, metric="latency_ms")
    many = run("a", lambda number: 5000.0 if number < 9 else 100.0, metric="latency_ms")
    assert apply_gate(few, None, rules, seed=1).verdict == "PASS"
    assert "above the ceiling" in of(apply_gate(many, None, rules, seed=1), "latency_ms").reason


def with_slice(scores: RunScores, name: str, numbers: range, values: float | None = None) -> RunScores:
    for number in numbers:
        given = {} if values is None else {"values": {"answer_facts": values}}
        scores = changed(scores, number, slices=(name,), **given)
    return scores


SLICED = policy(
    metrics=rule(tolerance=0.2, slice_floor=0.5),
    slices={"tolerance_factor": 1, "gated": {"high": ["answer_facts"]}, "named": {"restricted": {"risk": "high"}}},
)


def test_a_small_slice_does_not_make_the_release_inconclusive() -> None:
    old, new = with_slice(OLD, "restricted", range(6)), with_slice(mixed(60), "restricted", range(6))
    found = apply_gate(new, old, SLICED, seed=1)
    assert of(found, name="restricted").verdict == "PASS"
    assert of(found, name="restricted").reason == "too few cases to compare; no steep fall, and the floor is met"
    assert found.verdict == "PASS"


def test_a_small_slice_has_a_floor() -> None:
    old, new = (with_slice(OLD, "restricted", range(6), value) for value in (1.0, 0.4))
    found = apply_gate(new, old, SLICED, seed=1)
    assert of(found, name="restricted").verdict == found.verdict == "FAIL"


def test_a_large_fall_in_a_small_slice_fails_without_significance() -> None:
    rules = SLICED.model_copy(update={"metrics": policy(metrics=rule(tolerance=0.2, slice_floor=0.0)).metrics})
    old, new = (with_slice(OLD, "restricted", range(3), value) for value in (1.0, 0.6))
    found = apply_gate(new, old, rules, seed=1)
    assert of(found, name="restricted").verdict == found.verdict == "FAIL"
    assert "more than a slice this small may" in of(found, name="restricted").reason


def test_a_clear_fall_in_one_slice_stops_a_release_that_is_fine_as_a_whole() -> None:
    old, new = (with_slice(OLD, "restricted", range(20), value) for value in (1.0, 0.75))
    found = apply_gate(new, old, SLICED, seed=1)
    assert (of(found).verdict, of(found, name="restricted").verdict) == ("PASS", "FAIL")
    assert found.verdict == "FAIL"


def test_a_slice_whose_risk_does_not_ask_for_the_metric_is_only_shown() -> None:
    old, new = (with_slice(OLD, "smalltalk", range(20), value) for value in (1.0, 0.75))
    found = apply_gate(new, old, SLICED, seed=1)
    assert (of(found, name="smalltalk").blocking, found.verdict) == (False, "PASS")


def test_an_advisory_metric_blocks_on_no_slice_either() -> None:
    old, new = (both(with_slice(OLD, "restricted", range(20)), "judge", value) for value in (0.9, 0.1))
    gated = SLICED.slices.gated.model_copy(update={"high": ("answer_facts", "judge")})
    rules = SLICED.model_copy(update={"slices": SLICED.slices.model_copy(update={"gated": gated})})
    found = apply_gate(new, old, rules, seed=1)
    assert (of(found, "judge", "restricted").verdict, of(found, "judge", "restricted").blocking) == ("FAIL", False)
    assert found.verdict == "PASS"


def test_a_slice_that_is_large_enough_can_be_inconclusive() -> None:
    old, new = with_slice(OLD, "restricted", range(40)), with_slice(mixed(60), "restricted", range(40))
    rules = SLICED.model_copy(update={"slices": SLICED.slices.model_copy(update={"tolerance_factor": 0.1})})
    assert of(apply_gate(new, old, rules, seed=1), name="restricted").verdict == "INCONCLUSIVE"


@pytest.mark.parametrize(
    ("candidate", "sentence"),
    [
        (replace(OLD, cases=OLD.cases[1:]), "The candidate did not answer c000."),
        (replace(OLD, cases=(*OLD.cases, case(77, {"answer_facts": 1.0}))), "The baseline did not answer c077."),
        (replace(OLD, cases=(*OLD.cases, OLD.cases[0])), "more than one row for c000"),
        (replace(OLD, suite_digest="6" * 64), "666666666666"),
        (changed(OLD, 2, digest="f" * 64), "Not the same question on both sides: c002."),
    ],
)
def test_runs_that_do_not_match_fail_with_a_sentence(candidate: RunScores, sentence: str) -> None:
    found = apply_gate(candidate, OLD, policy(), seed=1)
    assert (found.verdict, found.findings) == ("FAIL", ())
    assert any(sentence in fault for fault in found.faults)


def test_a_scorer_without_scores_fails_and_the_others_are_judged() -> None:
    old, new = (both(OLD, "safety", value) for value in (1.0, None))
    found = apply_gate(new, old, policy(), seed=1)
    assert found.verdict == "FAIL"
    assert found.faults == ("safety was measured on one side only for c000, c001, c002, c003, c004 and 55 more.",)
    assert of(found).verdict == "PASS"


def test_a_missing_score_of_one_case_fails() -> None:
    found = apply_gate(changed(OLD, 1, values={}), OLD, policy(), seed=1)
    assert (found.verdict, found.faults) == ("FAIL", ("answer_facts was measured on one side only for c001.",))
    back = apply_gate(OLD, changed(OLD, 1, values={}), policy(), seed=1)
    assert (back.verdict, back.faults, back.worse) == (found.verdict, found.faults, ())


def test_a_refusal_needs_no_groundedness() -> None:
    old, new = (both(OLD, "groundedness", 1.0) for _ in range(2))
    new = changed(new, 1, values={"answer_facts": 1.0})
    assert apply_gate(new, old, policy(), seed=1).verdict == "PASS"


def test_a_run_without_cases_or_without_a_metric_fails() -> None:
    assert apply_gate(replace(OLD, cases=()), None, policy(), seed=1).faults == (
        "The run of the candidate contains no case.",
    )
    assert apply_gate(run("a", lambda number: None), None, policy(), seed=1).verdict == "FAIL"


def test_the_same_seed_gives_the_same_judgement() -> None:
    assert apply_gate(mixed(60), OLD, policy(), seed=4) == apply_gate(mixed(60), OLD, policy(), seed=4)


def test_many_metrics_at_once_need_a_smaller_p() -> None:
    alone = of(apply_gate(fallen_by(7), OLD, policy(), seed=1)).p
    others = {"safety": 1.0, "groundedness": 1.0, "citation_recall": 1.0, "answer_f1": 1.0}
    old, new = (
        replace(each, cases=tuple(replace(row, values={**row.values, **others}) for row in each.cases))
        for each in (OLD, fallen_by(7))
    )
    together = of(apply_gate(new, old, policy(), seed=1)).p
    assert alone is not None
    assert together == pytest.approx(alone * 5)


def test_the_floor_of_a_slice_holds_where_nothing_fell_and_the_suite_has_none() -> None:
    old = with_slice(OLD, "restricted", range(6), 0.4)
    found = apply_gate(replace(old, release_id="b" * 64), old, SLICED, seed=1)
    assert of(found, name="restricted").verdict == found.verdict == "FAIL"
    assert "below the floor of 0.500" in of(found, name="restricted").reason
