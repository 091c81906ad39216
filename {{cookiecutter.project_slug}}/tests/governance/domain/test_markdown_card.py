from datetime import UTC, datetime

from app.evaluation.domain.gate import WHOLE
from app.governance.domain.markdown_card import _evaluated, value
from app.governance.domain.model_card import EvaluationSummary
from app.governance.service.html_card import render
from app.releases.domain import EvaluationEvidence, ReleaseEvent, ReleaseHistory
from tests.evaluation.sample_reports import report

AT = datetime(2030, 1, 1, tzinfo=UTC)


def measured() -> EvaluationSummary:
    proof = ReleaseEvent(
        "a" * 64, "draft", "evaluated", AT, "tests", "why", evidence=EvaluationEvidence("b" * 64, "PASS")
    )
    found = EvaluationSummary.of(
        ReleaseHistory((ReleaseEvent("a" * 64, None, "draft", AT, "ana", "why"), proof)), report()
    )
    assert found is not None
    return found


def test_a_release_without_an_evaluation_has_none_on_its_card() -> None:
    assert (
        EvaluationSummary.of(ReleaseHistory((ReleaseEvent("a" * 64, None, "draft", AT, "ana", "why"),)), None) is None
    )


def test_every_metric_is_told_with_the_harm_it_guards_against() -> None:
    whole = measured().whole
    assert {each.slice for each in whole} == {WHOLE}
    assert len({each.metric for each in whole}) == len(whole) > 5
    assert all(each.harm for each in whole)


def test_known_limits_are_the_slices_with_the_lowest_shares() -> None:
    weakest = measured().weakest()
    values = [each.value for each in weakest]
    lowest = sorted(each.value for each in measured().slices if each.unit == "share" and each.value < 1)
    assert values == lowest[: len(values)]
    assert WHOLE not in {each.slice for each in weakest}


def test_the_page_shows_each_metric_as_a_bar_with_its_floor() -> None:
    told = render("evaluation.html", evaluation=measured())
    assert told.count('class="bar ') == sum(each.unit == "share" for each in measured().whole) + len(
        measured().weakest()
    )
    assert "<title>floor 0.600</title>" in told


def test_markdown_has_a_row_for_each_metric_and_each_limit() -> None:
    told = "\n".join(_evaluated(measured()))
    assert all(f"| {each.metric} |" in told for each in measured().whole)
    assert "Known limits" in told


def test_figures_carry_their_unit() -> None:
    assert value("share", 0.5) == "0.500"
    assert value("ms", 1234.4) == "1,234 ms"
    assert value("micro_usd", 1500) == "$0.001500"
    assert value("share", None) == "–"
