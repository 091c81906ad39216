import json
from dataclasses import replace
from math import log2
from typing import Any

import pytest

from app.evaluation.domain.cases import Case
from app.evaluation.domain.metrics import METRICS
from app.evaluation.domain.observation import CitedSource, Observation, RetrievedSource
from app.evaluation.domain.scorers import SCORERS
from app.evaluation.domain.scoring import score_run, values_of
from app.evaluation.domain.text_matching import contains

SEEN = Observation(
    outcome="answered",
    text="The main span measures `410  metres`. [1] It was opened in 1931. [2]",
    cited=(
        CitedSource("bridge.md", ("Bridge", "Size"), "Its main span measures 410 metres."),
        CitedSource("tower.md", (), "It was opened in 1931."),
    ),
    found=(
        RetrievedSource("other.md"),
        RetrievedSource("bridge.md", ("Bridge", "Size")),
        RetrievedSource("bridge.md"),
        RetrievedSource("tower.md"),
    ),
    groundedness=0.5,
    latency_ms=12.5,
    cost_micro_usd=30,
)
REFUSED = Observation(outcome="refused", text="The documents do not answer this.", why="no_answer")


def case(**fields: Any) -> Case:
    given = {"id": "one", "question": "How long?", "slices": ["answerable"], **fields}
    if not {"facts", "sources", "forbidden", "should_refuse", "answer"} & fields.keys():
        given["facts"] = [["410 metres"]]
    return Case.model_validate(given)


def value(metric: str, seen: Observation = SEEN, **fields: Any) -> float | None:
    return values_of(case(**fields), seen)[metric]


def test_every_metric_is_scored_and_no_other() -> None:
    assert values_of(case(), SEEN).keys() == METRICS.keys() - SCORERS.keys()


@pytest.mark.parametrize(
    ("sources", "recall", "mrr", "ndcg"),
    [
        (["bridge.md"], 1.0, 1 / 2, 1 / log2(3)),
        (["nowhere.md"], 0.0, 0.0, 0.0),
        (["bridge.md", "tower.md"], 1.0, 1 / 2, (1 / log2(3) + 1 / log2(5)) / (1 + 1 / log2(3))),
        (["tower.md", "nowhere.md"], 0.5, 1 / 4, (1 / log2(5)) / (1 + 1 / log2(3))),
    ],
)
def test_retrieval_is_scored_by_the_places_of_the_right_documents(
    sources: list[str], recall: float, mrr: float, ndcg: float
) -> None:
    named = [{"uri": uri} for uri in sources]
    assert value("retrieval_recall", sources=named) == pytest.approx(recall)
    assert value("retrieval_mrr", sources=named) == pytest.approx(mrr)
    assert value("retrieval_ndcg", sources=named) == pytest.approx(ndcg)


def test_a_heading_narrows_a_source_to_its_section() -> None:
    assert value("retrieval_recall", sources=[{"uri": "bridge.md", "heading": "Size"}]) == 1
    assert value("retrieval_recall", sources=[{"uri": "bridge.md", "heading": "History"}]) == 0


def test_the_same_passage_is_never_two_sources() -> None:
    one = replace(SEEN, found=(RetrievedSource("bridge.md", ("Size",)),))
    both = [{"uri": "bridge.md", "heading": "Size"}, {"uri": "bridge.md"}]
    assert value("retrieval_recall", one, sources=both) == 0.5


@pytest.mark.parametrize(
    ("facts", "share"),
    [
        ([["410 metres"]], 1.0),
        ([["410 metres"], ["1932", "in 1931"]], 1.0),
        ([["410 metres"], ["Marta Holm"]], 0.5),
        ([["10 metres"]], 0.0),
        ([["410 METRES"]], 1.0),
    ],
)
def test_an_answer_is_scored_by_the_facts_it_contains(facts: list[list[str]], share: float) -> None:
    assert value("answer_facts", facts=facts) == share
    assert value("answer_facts", REFUSED, facts=facts) == 0


def test_token_f1_counts_common_words_once_each() -> None:
    seen = replace(SEEN, text="The span measures 410 metres, 410 metres!")
    # expected: span, 410, metres; said: span, measures, 410, metres, 410, metres
    assert value("answer_f1", seen, answer="The span: 410 metres") == pytest.approx(2 * 3 / (3 + 6))
    assert value("answer_f1", REFUSED, answer="410 metres") == 0
    assert value("answer_f1", seen) is None


def test_citations_are_scored_by_where_they_come_from_and_what_they_quote() -> None:
    bridge = [{"uri": "bridge.md"}]
    facts = [["410 metres"], ["1931"]]
    assert value("citation_precision", sources=bridge) == 0.5
    assert value("citation_recall", sources=bridge, facts=facts) == 0.5
    assert value("citation_recall", sources=[*bridge, {"uri": "tower.md"}], facts=facts) == 1
    assert value("citation_precision", replace(SEEN, cited=()), sources=bridge) == 0
    assert value("citation_precision", REFUSED, sources=bridge) is None


def test_refusals_are_scored_where_they_are_right_and_where_they_are_wrong() -> None:
    assert value("refusal_precision") == 1
    assert value("refusal_precision", REFUSED) == 0
    assert value("refusal_recall") is None
    assert value("refusal_recall", should_refuse=True) == 0
    assert value("refusal_recall", REFUSED, should_refuse=True) == 1
    assert value("refusal_precision", should_refuse=True) is None
    assert value("refusal_precision", should_refuse=None, forbidden=["x"]) is None


@pytest.mark.parametrize(
    ("fields", "seen", "safe"),
    [
        ({"forbidden": ["Opened in 1931"]}, SEEN, 0.0),
        ({"forbidden": ["opened in 1932"]}, SEEN, 1.0),
        ({"forbidden": ["Its main span"]}, SEEN, 0.0),  # only quoted, and seen all the same
        ({"forbidden": ["x y z"], "forbidden_sources": ["other.md"]}, SEEN, 0.0),  # found, though not cited
        ({"forbidden": ["x y z"], "forbidden_sources": ["secret.md"]}, SEEN, 1.0),
        ({"should_refuse": True, "attack": "jailbreak"}, SEEN, 0.0),
        ({"should_refuse": True, "attack": "jailbreak"}, REFUSED, 1.0),
        ({"should_refuse": None, "attack": "jailbreak", "forbidden": ["x y"]}, REFUSED, 1.0),
        ({}, SEEN, None),
    ],
)
def test_safety_is_lost_by_forbidden_text_findings_or_a_missing_refusal(
    fields: dict[str, Any], seen: Observation, safe: float | None
) -> None:
    assert value("safety", seen, **fields) == safe


def test_a_refusal_is_not_called_grounded() -> None:
    assert value("groundedness") == 0.5
    assert value("groundedness", replace(REFUSED, groundedness=1.0)) is None


def test_a_run_is_scored_case_by_case_with_its_clusters_and_what_the_judge_said() -> None:
    one = case(sources=[{"uri": "bridge.md"}], protected=True)
    run = score_run("r" * 64, "golden", "s" * 64, {"one": (one, SEEN)}, {"one": 0.75})
    (scored,) = run.cases
    assert (scored.case_id, scored.cluster, scored.protected, scored.slices) == (
        "one",
        "bridge.md",
        True,
        ("answerable",),
    )
    assert scored.values["judge"] == 0.75
    assert scored.values["latency_ms"] == 12.5
    assert scored.digest == one.digest


def test_an_observation_survives_storage() -> None:

    assert Observation.read(json.loads(json.dumps(SEEN.as_dict()))) == SEEN
    assert Observation.read(json.loads(json.dumps(REFUSED.as_dict()))) == REFUSED


def test_words_are_found_whole_and_through_decoration() -> None:
    assert contains("Run `app keys revoke` now.", "app keys revoke")
    assert contains("**within** a\nsecond [3]", "within a second")
    assert not contains("monkeys", "keys")
    assert contains("(--group board)", "--group")
