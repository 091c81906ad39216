"""The fields of an answer and those of the schema of the API are the same."""

from dataclasses import fields

from app.inference.domain.answer import Answer, Citation
from app.inference.domain.tool_calls import AnswerAction
from app.inference.schemas import AnswerActionResponse, AnswerResponse, CitationResponse

MERGED = {"estimated"}
"""Fields of an Answer that its JSON holds in a nested object (`usage`)."""


def test_answer_and_response_have_the_same_fields() -> None:
    assert {each.name for each in fields(Answer)} - MERGED == set(AnswerResponse.model_fields)


def test_citation_and_response_have_the_same_fields() -> None:
    assert {each.name for each in fields(Citation)} == set(CitationResponse.model_fields)


def test_action_and_response_have_the_same_fields() -> None:
    assert {each.name for each in fields(AnswerAction)} | {"where"} == set(AnswerActionResponse.model_fields)
