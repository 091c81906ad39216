from dataclasses import replace

from app.evaluation.domain.metrics import METRICS
from app.evaluation.domain.scores import faults, unmeasured
from tests.evaluation.sample_scores import case, changed, run

RUN = run("a", lambda number: 1.0, cases=12)


def test_two_runs_over_the_same_cases_may_be_compared() -> None:
    assert faults(replace(RUN, release_id="b" * 64), RUN) == ()


def test_a_run_knows_its_slices() -> None:
    assert changed(changed(RUN, 0, slices=("typo", "restricted")), 1, slices=("typo",)).slices() == (
        "restricted",
        "typo",
    )


def test_only_the_first_few_of_many_cases_are_named() -> None:
    (sentence,) = faults(replace(RUN, cases=RUN.cases[7:]), RUN)
    assert sentence == "The candidate did not answer c000, c001, c002, c003, c004 and 2 more."


def test_every_fault_is_reported_not_only_the_first() -> None:
    wrong = replace(RUN, suite_digest="6" * 64, cases=(*RUN.cases[2:], RUN.cases[5], case(90, {})))
    assert len(faults(wrong, RUN)) == 4


def test_every_metric_names_the_harm_it_guards_against() -> None:
    assert [name for name, metric in METRICS.items() if len(metric.harm.split()) < 4 or metric.name != name] == []
    assert len({metric.harm for metric in METRICS.values()}) == len(METRICS)


def test_a_metric_that_the_candidate_has_nowhere_is_missed_though_the_baseline_had_it_in_some_cases_only() -> None:
    baseline = run("b", lambda number: None if number == 0 else 0.9, cases=3, metric="groundedness")
    nowhere = run("a", lambda number: None, cases=3, metric="groundedness")
    assert unmeasured(nowhere, baseline) == ("groundedness was measured on one side only for c001, c002.",)
    assert unmeasured(run("a", lambda number: number or None, cases=3, metric="groundedness"), baseline) == ()
    assert unmeasured(nowhere, replace(nowhere, release_id="b" * 64)) == ()
    assert unmeasured(nowhere, None) == ()
