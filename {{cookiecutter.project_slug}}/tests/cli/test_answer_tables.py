"""Lists of answers as the command line prints them, from as many pages as it takes."""

import asyncio
import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from rich.console import Console

from app.cli import answers
from app.inference.domain.answer_pages import AnswerFilters, AnswerPage, ListedAnswer
from tests.inference.domain.test_answer_pages import ONE


def printed(*listed: ListedAnswer) -> str:
    console = Console(width=250, record=True, file=io.StringIO())
    console.print(answers._table(listed))
    return console.export_text()


@pytest.mark.parametrize(
    ("changes", "notes"),
    [
        ({}, ""),
        ({"arm": "canary"}, "canary"),
        ({"arm": "control", "degraded": True}, "control, degraded"),
        ({"findings": 2}, "findings: 2"),
        ({"helpful": True}, "helpful"),
        ({"helpful": False}, "unhelpful"),
        ({"review_state": "held"}, "held"),
        ({"review_state": "rejected"}, "rejected"),
        ({"review_state": "delivered"}, ""),
        (
            {"arm": "canary", "degraded": True, "findings": 1, "helpful": False, "review_state": "held"},
            "canary, degraded, findings: 1, unhelpful, held",
        ),
    ],
)
def test_notes_name_what_is_unusual_about_an_answer(changes: dict[str, Any], notes: str) -> None:
    assert answers._notes(replace(ONE, **changes)) == notes


def test_a_line_has_its_figures_and_the_reason_of_a_refusal() -> None:
    line = printed(replace(ONE, status="refused", refusal="off_topic", cost_micro_usd=1_500_001, latency_ms=1234.6))
    for shown in (str(ONE.id), "2026-01-31 12:00:00", "off_topic", "1235", "1.500001"):
        assert shown in line
    assert "refused" not in line, "the reason says it"


def test_a_figure_that_an_older_version_did_not_store_is_left_empty() -> None:
    assert "None" not in printed(replace(ONE, latency_ms=None))


def test_the_name_of_a_model_is_printed_as_it_is_and_styles_nothing() -> None:
    assert "[red]m[/red]" in printed(replace(ONE, model="[red]m[/red]"))
    assert "[bold]" in printed(replace(ONE, arm="[bold]"))


class Pages:
    """A listing whose pages are short or empty, as where a scan ends early. requested: the limit of each page."""

    def __init__(self, *counts: int) -> None:
        self.counts, self.requested = list(counts), list[int]()

    async def page(self, _: Any, __: AnswerFilters, after: Any, limit: int, tenant: str | None) -> AnswerPage:
        self.requested.append(limit)
        number = len(self.requested)
        page = [
            replace(
                ONE, id=UUID(int=100 * number + n), created_at=datetime(2026, 1, 31, tzinfo=UTC) - timedelta(number)
            )
            for n in range(min(limit, self.counts[number - 1]))
        ]
        last = number == len(self.counts)
        return AnswerPage(tuple(page), None if last else replace(ONE, id=UUID(int=number)).position)


@pytest.mark.parametrize(
    ("counts", "limit", "found", "requested"),
    [
        ((0,), 5, 0, [5]),
        ((3,), 5, 3, [5]),
        ((0, 0, 3), 5, 3, [5, 5, 5]),
        ((2, 2, 2), 5, 5, [5, 3, 1]),
        ((5, 5), 5, 5, [5]),
        ((1, 0), 5, 1, [5, 4]),
    ],
)
def test_pages_are_read_until_there_are_enough_answers_or_no_more(
    counts: tuple[int, ...], limit: int, found: int, requested: list[int]
) -> None:
    pages = Pages(*counts)
    state: Any = SimpleNamespace(answer_listing=pages)
    listed = asyncio.run(answers._first(state, AnswerFilters(), None, limit))
    assert (len({each.id for each in listed}), pages.requested) == (found, requested)
