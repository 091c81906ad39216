import json
from collections.abc import Callable
from typing import Any

import pytest

from app.evaluation.domain.report import Report, ReportUnusable, worst_cases
from app.releases.domain import canonical_json, digest_of
from tests.evaluation.sample_reports import AT, RULES, report, runs

MADE = report(loss=0.3)
Change = Callable[[dict[str, Any]], None]


def test_what_was_written_is_read_back_the_same() -> None:
    again = Report.read(MADE.canonical)
    assert again == MADE
    assert again.canonical == MADE.canonical
    assert again.digest == digest_of(MADE.canonical)


def test_the_same_runs_give_the_same_bytes() -> None:
    assert report(loss=0.3).canonical == MADE.canonical
    assert report(loss=0.1).digest != MADE.digest


def test_a_report_computes_its_verdict_unless_given_one() -> None:
    old, new = runs(0.3)
    assert Report.make(new, old, RULES, "d" * 64, 7, AT).judgement == MADE.judgement


def test_a_report_that_is_not_the_approved_one_is_refused() -> None:
    assert Report.read(MADE.canonical, MADE.digest).verdict == "FAIL"
    with pytest.raises(ReportUnusable, match="not the one with digest"):
        Report.read(MADE.canonical, report(loss=0.0).digest)


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b"\xff", MADE.canonical[:-40]])
def test_what_is_no_report_is_refused(content: bytes) -> None:
    with pytest.raises(ReportUnusable, match="does not contain"):
        Report.read(content)


def test_a_report_that_was_only_reformatted_is_refused() -> None:
    with pytest.raises(ReportUnusable, match="rewritten"):
        Report.read(json.dumps(json.loads(MADE.canonical), indent=1).encode())


def written(change: Change, seal: bool) -> bytes:
    """The report with a change; with a new digest when `sealed`."""
    data = json.loads(MADE.canonical)
    change(data)
    if seal:
        data["seal"] = digest_of(canonical_json({name: value for name, value in data.items() if name != "seal"}))
    return canonical_json(data)


def drop_a_row(data: dict[str, Any]) -> None:
    data["candidate"]["cases"].pop(3)


def drop_a_row_on_both_sides(data: dict[str, Any]) -> None:
    for side in ("candidate", "baseline"):
        data[side]["cases"].pop(3)


def double_a_row(data: dict[str, Any]) -> None:
    data["candidate"]["cases"].append(data["candidate"]["cases"][0])


def raise_a_score(data: dict[str, Any]) -> None:
    next(case for case in data["candidate"]["cases"] if not case["values"]["answer_facts"])["values"][
        "answer_facts"
    ] = 1


def lift_the_verdict(data: dict[str, Any]) -> None:
    data["judgement"]["verdict"] = "PASS"


def lift_every_verdict(data: dict[str, Any]) -> None:
    lift_the_verdict(data)
    data["judgement"]["fallen"] = []
    for finding in data["judgement"]["findings"]:
        finding["verdict"] = "PASS"


def lift_one_finding(data: dict[str, Any]) -> None:
    next(each for each in data["judgement"]["findings"] if each["verdict"] == "FAIL")["verdict"] = "PASS"


def free_a_protected_case(data: dict[str, Any]) -> None:
    for side in ("candidate", "baseline"):
        for case in data[side]["cases"]:
            case["protected"] = False


def lower_a_floor(data: dict[str, Any]) -> None:
    data["policy"]["metrics"]["answer_facts"]["floor"] = 0.1


def hide_a_finding(data: dict[str, Any]) -> None:
    data["judgement"]["findings"].pop(0)


CHANGES = [
    drop_a_row,
    drop_a_row_on_both_sides,
    double_a_row,
    raise_a_score,
    lift_the_verdict,
    lift_every_verdict,
    lift_one_finding,
    free_a_protected_case,
    lower_a_floor,
    hide_a_finding,
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_report_that_was_altered_is_refused(change: Change) -> None:
    with pytest.raises(ReportUnusable, match="seal"):
        Report.read(written(change, seal=False))


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_an_altered_report_with_a_new_digest_is_refused(change: Change) -> None:
    with pytest.raises(ReportUnusable, match=r"do(es)? not follow"):
        Report.read(written(change, seal=True))


def test_an_unknown_field_is_refused() -> None:
    with pytest.raises(ReportUnusable):
        Report.read(written(lambda data: data.update(approved=True), seal=True))


def test_the_worst_cases_come_first_and_protected_ones_before_all() -> None:
    cases = worst_cases(MADE, 5)
    assert len(cases) == 5
    assert cases[0][0].case_id == MADE.judgement.fallen[0]
    assert all(metrics["answer_facts"] == (1.0, 0.0) for _, metrics in cases)
