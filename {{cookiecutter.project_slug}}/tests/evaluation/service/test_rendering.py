import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from app.evaluation.domain.report import Report
from app.evaluation.service.rendering import as_html, as_markdown, as_tables, headline, reasons
from tests.evaluation.sample_reports import AT, RULES, report, runs

FAILED, PASSED = report(loss=0.3), report(loss=0.0)
HOSTILE = (
    """<script>alert(1)</script><img src=x onerror="alert(2)"> | @everyone #1 `code` *bold* [a](http://b.example)"""
)


class Page(HTMLParser):
    """The page as a browser would parse it: its elements with their attributes, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.said: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.said.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.said).split())


def test_the_page_needs_nothing_from_elsewhere() -> None:
    text = as_html(FAILED)
    tags = {tag for tag, _ in Page(text).elements}
    assert tags.isdisjoint({"script", "link", "img", "iframe", "a", "object", "form"})
    assert "http" not in text.replace("http-equiv", "")
    assert "url(" not in text


def test_text_of_documents_and_askers_is_escaped_on_the_page() -> None:
    page = Page(as_html(report(loss=0.3, question=HOSTILE)))
    assert {"script", "img"}.isdisjoint({tag for tag, _ in page.elements})
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
    assert "<script>alert(1)</script>" in page.text


def test_the_page_allows_its_own_style_sheet_by_its_hash_and_nothing_else() -> None:
    text = as_html(report(loss=0.3, question=HOSTILE))
    (policy,) = [each["content"] for _, each in Page(text).elements if "http-equiv" in each]
    style = text.partition("<style>")[2].partition("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert " style=" not in text, "the policy blocks style attributes"


def test_text_that_looks_like_a_template_is_text() -> None:
    assert "{{ 7 * 7 }}{% raw %}" in Page(as_html(report(loss=0.3, question="{{ 7 * 7 }}{% raw %}"))).text


def test_names_of_cases_and_slices_are_escaped_on_the_page() -> None:
    old, new = (
        replace(
            side,
            suite=HOSTILE,
            cases=tuple(
                replace(case, slices=(HOSTILE,), case_id=f"{number}{HOSTILE}") for number, case in enumerate(side.cases)
            ),
        )
        for side in runs(0.3)
    )
    text = as_html(Report.make(new, old, RULES, "d" * 64, 7, AT))
    assert "<script" not in text
    assert "<img" not in text


def test_the_charts_are_well_formed_drawings_with_a_name() -> None:
    drawings = re.findall(r"<svg.*?</svg>", as_html(FAILED), re.S)
    assert len(drawings) > 4
    for drawing in drawings:
        root = ElementTree.fromstring(drawing)  # noqa: S314
        assert root.attrib["aria-label"]
        assert not re.search(r'"-?(nan|inf)', drawing)


def test_each_metric_and_each_slice_is_on_the_page_with_its_harm() -> None:
    text = Page(as_html(FAILED)).text
    for finding in FAILED.judgement.findings:
        assert finding.metric in text
        assert finding.slice == "all" or finding.slice in text
    assert "the answer leaves out what the asker needs to know" in text


def test_a_case_that_got_worse_has_both_answers_and_citations() -> None:
    text = Page(as_html(FAILED)).text
    assert "How long may one be away?" in text
    assert "Up to six weeks in a row" in text
    assert "handbook/leave.md, Long leave" in text
    assert "There is nothing in the documents about this." in text
    assert "no citation" in text


@pytest.mark.parametrize("loss", [0.0, 0.05, 0.3])
def test_verdict_and_reasons_are_the_same_everywhere(loss: float) -> None:
    made = report(loss=loss)
    page, markdown = Page(as_html(made)).text, as_markdown(made).replace("\\", "")
    assert headline(made).startswith(made.verdict)
    assert made.verdict in page
    assert headline(made) in markdown
    for reason in reasons(made):
        assert reason in page
        assert reason in markdown


def test_failed_metrics_come_before_inconclusive_ones() -> None:
    told = reasons(FAILED)
    assert told[0] == f"protected case {FAILED.judgement.fallen[0]} fell"
    assert reasons(PASSED) == ()


def test_runs_that_cannot_be_compared_are_reported_in_a_sentence() -> None:
    old, new = runs()
    broken = Report.make(replace(new, cases=new.cases[1:]), old, RULES, "d" * 64, 7, AT)
    assert "The candidate did not answer plain-00." in Page(as_html(broken)).text
    assert "The candidate did not answer plain-00." in as_markdown(broken)


def test_a_first_release_has_values_and_floors_and_no_differences() -> None:
    old, _ = runs()
    first = Report.make(old, None, RULES, "d" * 64, 7, AT)
    text = as_html(first)
    assert "nothing: floors only" in text
    assert "Difference by metric" not in text
    assert "Value by metric" in text
    assert as_tables(first)[0].rows[0][4:7] == ("-", "-", "-")


def test_the_text_report_shows_the_whole_and_the_blocking_slices() -> None:
    whole, slices = as_tables(FAILED)
    assert len(whole.rows) == len(whole.verdicts) == 10
    assert {len(row) for row in whole.rows} == {len(whole.columns)}
    assert set(slices.verdicts) == {"FAIL"}
    assert len(as_tables(FAILED, slices=True)[1].rows) == 60
    assert [table.title for table in as_tables(PASSED)] == ["The whole suite"]


def test_a_metric_that_does_not_block_says_so() -> None:
    rows = as_tables(FAILED, slices=True)[1].rows
    assert any("does not block" in cell for row in rows for cell in row)


def test_a_pull_request_comment_escapes_markup_mentions_and_links() -> None:
    text = as_markdown(report(loss=0.3, question=HOSTILE))
    for dangerous in ("<script", "<img", "@everyone", "#1", "http://b", "[a](", " | @"):
        assert dangerous not in text
    assert r"\*bold\*" in text


def test_every_table_row_in_a_pull_request_comment_has_all_columns() -> None:
    rows = [line for line in as_markdown(FAILED).splitlines() if line.startswith("|")]
    cells = [len(re.findall(r"(?<!\\)\|", row)) for row in rows]
    assert set(cells[:12]) == {10}
    assert set(cells[12:]) == {11}
