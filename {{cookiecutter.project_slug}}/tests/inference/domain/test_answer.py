"""Which documents restrict who may read an answer, and citations whose secrets are masked in place."""

from collections.abc import Collection
from dataclasses import replace
from uuid import UUID

import pytest

from app.inference.domain.answer import Answer, Question, ScreenedQuestion, cite, masked_citations, source_documents
from app.inference.domain.release_names import EXTRACTIVE
from app.safety.domain.output_filter import OutputFilter
from app.safety.domain.text import Finding
from tests.inference.domain.passages import ONE, evidence, passage
from tests.review.conftest import ManualClock, answer_of

FOUND = evidence(passage(1), passage(2), passage(3))
SECRET = "ghp_" + "a1B2c3D4e5F6g7H8i9J0" + "k1L2m3N4o5P6q7R8"


def answer(model: str, *cited: int) -> Answer:
    citations = tuple(cite(n, passage(n), 0, 3) for n in cited)
    return replace(answer_of(ManualClock()), model=model, citations=citations)


@pytest.mark.parametrize(
    ("model", "cited", "read", "documents"),
    [
        (EXTRACTIVE, (2,), None, {2}),
        (EXTRACTIVE, (), None, set()),
        ("m", (2,), None, {1, 2, 3}),  # it has read every passage, whatever it cites
        ("m", (), None, {1, 2, 3}),
        ("m", (2,), (), {2}),
        ("m", (2,), (3, 7), {2, 3, 7}),  # with tools: what they read, too
        (EXTRACTIVE, (1,), (7,), {1, 7}),
    ],
)
def test_an_answer_is_as_restricted_as_every_document_that_its_text_may_come_from(
    model: str, cited: tuple[int, ...], read: Collection[int] | None, documents: set[int]
) -> None:
    read_documents = None if read is None else [UUID(int=each) for each in read]
    found = source_documents(answer(model, *cited), FOUND, read_documents)
    assert {each.int for each in found} == documents


def test_secrets_in_citations_are_masked_sign_by_sign_and_offsets_stay_valid() -> None:
    held = passage(1, f"The key is {SECRET}, keep it.", f"Key {SECRET}", (f"Of {SECRET}",))
    citation = cite(1, held, 0, len(held.text))
    [masked] = masked_citations([citation], OutputFilter())
    for before, after in ((citation.quote, masked.quote), (citation.title, masked.title)):
        assert (len(after), SECRET in after) == (len(before), False)
    assert SECRET not in masked.headings[0]
    assert masked.quote.endswith(", keep it.")
    assert (masked.start, masked.end, masked.uri) == (citation.start, citation.end, citation.uri)


def test_a_citation_counts_its_place_from_the_start_of_the_document() -> None:
    citation = cite(4, ONE, 4, 14)
    assert (citation.quote, citation.start, citation.end, citation.marker) == ("lighthouse", 44, 54, 4)


def test_a_screened_question_differs_only_in_its_text_and_findings() -> None:
    asked = Question("Who?\u200b", 2, 5, 64, None, "m", ("close_ticket",), "https://a.example/hook")
    screened = ScreenedQuestion.of(asked, "Who?", (Finding("zero_width", ""),))
    assert [each.rule for each in screened.findings] == ["zero_width"]
    same = [name for name in Question.__slots__ if name != "text"]
    assert [getattr(screened, name) for name in same] == [getattr(asked, name) for name in same]
    assert screened.text == "Who?"
