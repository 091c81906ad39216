"""The page of readiness: hostile text is text, and nothing is loaded."""

import html
import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from app.governance.domain.readiness.readiness_policy import ReadinessPolicy
from app.governance.domain.readiness.report import ReadinessReport, make_report
from app.governance.domain.readiness.vocabulary import QUESTIONS, CheckEvidence
from app.governance.service.html_readiness import html_readiness
from tests.governance.domain.test_report import OWNERSHIP, waiver

NOW = datetime(2030, 3, 1, 12, tzinfo=UTC)
HOSTILE = "</td></table></title><script>alert(1)</script><img src=x onerror='alert(1)'> \"& {{ report }}"


def report(text: str = "", **policy: object) -> ReadinessReport:
    rules = ReadinessPolicy.model_validate({"owner": "desk", **policy})
    said = {name: replace(each, owner=text, reason=text) for name, each in waiver("rollback.backup").items()}
    ownership = OWNERSHIP.model_copy(update={"service": f"Desk {text}", "owner": f"ada {text}"})
    found = make_report({}, rules, ownership, said, NOW)
    evidence = CheckEvidence("red", f"found {text}", f"place {text}", 1, NOW)
    return replace(found, results=tuple(replace(each, evidence=evidence) for each in found.results))


def tags(page: str) -> list[str]:
    return re.findall(r"<(/?[a-z0-9!]+)", page)


def test_text_of_people_adds_no_tag_to_the_page() -> None:
    page = html_readiness(report(HOSTILE))
    assert tags(page) == tags(html_readiness(report("harmless")))
    assert page.count("&lt;script&gt;") >= 5, "in the title, the heading, what was found, where, and by whom"
    assert "{{ report }}" in page


def test_nothing_is_loaded_from_anywhere() -> None:
    page = html_readiness(report())
    assert re.findall(r"(?i)\b(?:src|href|action|srcset)\s*=|url\(|@import|<script|<link|<iframe", page) == []
    assert "default-src 'none'" in html.unescape(page)


def test_every_question_and_check_is_on_the_page_with_its_age() -> None:
    found = report(max_age_days={"rollback.backup": 3})
    page = html_readiness(found)
    assert [question for question in QUESTIONS.values() if f"<h2>{question} " not in page] == []
    assert [each.check.id for each in found.results if f"<code>{each.check.id}</code>" not in page] == []
    assert "at most 3 days old" in page
    assert "Waived until 2030-03-02" in page


@pytest.mark.parametrize("optional", [True, False])
def test_the_verdict_at_the_top_is_that_of_the_required_checks(optional: bool) -> None:
    names = tuple(each.check.id for each in report().results) if optional else ()
    page = html_readiness(report(optional=names))
    assert ("No required check is red." in page) is optional
    assert ("(not required)" in page) is optional
    assert ('class="alarm"' in page) is not optional
