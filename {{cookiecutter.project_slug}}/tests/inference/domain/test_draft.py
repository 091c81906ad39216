"""From evidence and a completion to a draft: refusals, quotations, and what a model's failure leaves."""

import pytest

from app.costs.domain import Usage
from app.inference.domain.answer import Draft, RefusalReason
from app.inference.domain.draft import (
    NOT_SEARCHED,
    DraftOutcome,
    ModelReply,
    ModelsFailed,
    draft_outcome,
    extractive_draft,
    protected_draft,
    refusal_draft,
    refusal_reason,
    tool_summary_draft,
)
from app.inference.domain.grounding.answerability import Answerability
from app.inference.domain.grounding.checked_text import CheckedText
from app.inference.domain.tool_calls import ToolResult, ToolSession
from app.llm.domain.errors import ContentFiltered, ModelFailure, ModelTimeout, OutputFiltered, ServerError
from app.llm.domain.messages import CompletionEnd, Finish
from app.retrieval.domain import Evidence
from app.safety.domain.personal_data import PersonalDataProtection, PersonalDataRules
from tests.inference.domain.passages import evidence, passage

WHO = "Who built the lighthouse of Karlen?"
BUILT = "The lighthouse of Karlen was built in 1874 by Marta Holm [1]."
FOUND = evidence(passage(1), passage(2, "The bridge over the Sarn was opened in 1931."))
STRICT, OPEN = Answerability(words=0.5, coverage=2.0), Answerability(words=0.0)
USED = Usage(20, output=10)


def fallback() -> Draft:
    return extractive_draft(WHO, 3, FOUND)


def outcome(
    text: str,
    finish: Finish = "stop",
    confidence: float | None = None,
    acted: bool = False,
    prompt: str = "Answer from the passages.",
    found: Evidence = FOUND,
) -> DraftOutcome:
    checked = CheckedText(found.passages, "medium", prompt)
    checked.feed(text)
    checked.end()
    end = CompletionEnd(finish, USED, estimated=True, confidence=confidence)
    return draft_outcome(ModelReply("m", checked, end), found, fallback, acted)


@pytest.mark.parametrize(
    ("found", "answerability", "reason"),
    [
        (evidence(), OPEN, "no_evidence"),
        (NOT_SEARCHED, OPEN, "evidence_timeout"),
        (evidence(degraded="embedder_unreachable"), OPEN, "no_evidence"),
        (FOUND, OPEN, None),
        (evidence(passage(1), degraded="search_timeout"), OPEN, None),  # what was found in time is used
        (evidence(passage(1), bm25=5.0, possible=10.0), STRICT, None),
        (evidence(passage(1), bm25=4.9, possible=10.0), STRICT, "off_topic"),
        (evidence(passage(1), bm25=4.9, possible=0.0), STRICT, "off_topic"),  # a question without any word
        (evidence(passage(1), possible=0.0), OPEN, None),
    ],
)
def test_evidence_supports_an_answer_or_says_why_not(
    found: Evidence, answerability: Answerability, reason: RefusalReason | None
) -> None:
    assert refusal_reason(WHO, found, answerability) == reason


def test_a_refusal_has_a_sentence_for_its_reason_and_costs_what_was_used() -> None:
    assert refusal_draft("no_evidence").finish_reason == "stop"
    assert {refusal_draft(each).finish_reason for each in ("declined", "withheld")} == {"content_filter"}
    draft = refusal_draft("no_answer", "m", USED, True)
    assert (draft.model, draft.usage, draft.estimated, draft.refusal) == ("m", USED, True, "no_answer")
    assert draft.groundedness is None


def test_quotations_are_cited_by_numbers_from_one_with_their_place_in_the_document() -> None:
    draft = extractive_draft(WHO, 1, FOUND)
    [citation] = draft.citations
    assert draft.text == f"{citation.quote} [1]"
    assert (citation.marker, citation.document_id, citation.version) == (1, FOUND.passages[0].document_id, 3)
    assert citation.start == 40 + FOUND.passages[0].text.index(citation.quote)
    assert citation.end - citation.start == len(citation.quote)
    assert (draft.groundedness, draft.usage.input, draft.refusal) == (1.0, 0, None)


def test_without_a_common_word_there_is_no_answer() -> None:
    assert extractive_draft("Zebras?", 3, FOUND).refusal == "no_answer"


def test_a_secret_in_a_quotation_is_masked_and_reported() -> None:
    secret = "ghp_" + "a1B2c3D4e5F6g7H8i9J0" + "k1L2m3N4o5P6q7R8"
    draft = extractive_draft(WHO, 1, evidence(passage(1, f"Marta Holm built the lighthouse of Karlen with {secret}.")))
    assert secret not in draft.text
    assert draft.findings


def test_a_complete_reply_of_a_model_is_its_draft_with_the_passages_that_it_cites() -> None:
    found = outcome(BUILT, confidence=0.9)
    draft = found.draft
    assert (draft.text, draft.model, draft.usage, draft.estimated) == (BUILT, "m", USED, True)
    assert [each.marker for each in draft.citations] == [1]
    assert (draft.groundedness, draft.confidence, draft.finish_reason) == (1.0, 0.9, "stop")
    assert found.reasons == ()


@pytest.mark.parametrize(
    ("text", "finish", "reasons", "finish_reason"),
    [
        (BUILT, "length", ("m: truncated",), "length"),
        (BUILT, "cut", ("m: truncated",), "length"),
        ("Napoleon commissioned seventeen towers.", "stop", ("m: answer_unsupported",), "stop"),
        ("", "stop", ("m: model_invalid_response",), "stop"),
        ("", "length", ("m: truncated", "m: model_invalid_response"), "stop"),
    ],
)
def test_what_is_wrong_with_a_reply_is_named_with_its_model(
    text: str, finish: Finish, reasons: tuple[str, ...], finish_reason: str
) -> None:
    found = outcome(text, finish)
    assert (found.reasons, found.draft.finish_reason) == (reasons, finish_reason)
    assert found.draft.quoted is (text != BUILT), "where nothing of the model is left, the evidence is quoted"
    assert (found.draft.model, found.draft.usage) == ("m", USED), "its tokens are charged all the same"


def test_a_model_that_says_so_refuses_unless_it_proposed_an_action() -> None:
    refused = outcome("NO ANSWER").draft
    assert (refused.refusal, refused.usage, refused.citations) == ("no_answer", USED, ())
    acted = outcome("NO ANSWER", acted=True)
    assert (acted.draft.refusal, acted.draft.quoted, acted.reasons) == (None, True, ("m: answer_unsupported",))


def test_a_stream_that_a_content_filter_ended_is_declined_whatever_was_written() -> None:
    found = outcome(BUILT, "content_filter")
    assert (found.draft.refusal, found.draft.text != BUILT, found.reasons) == ("declined", True, ("m: model_declined",))


@pytest.mark.parametrize(
    ("failures", "refusal", "model"),
    [
        ([("a", ServerError())], None, "extractive"),
        ([("a", ServerError()), ("b", ModelTimeout())], None, "extractive"),
        ([("a", ContentFiltered())], "declined", "a"),
        ([("a", ServerError()), ("b", OutputFiltered())], "declined", "b"),
    ],
)
def test_where_models_fail_the_evidence_is_quoted_except_around_a_content_filter(
    failures: list[tuple[str, ModelFailure]], refusal: str | None, model: str
) -> None:
    found = draft_outcome(ModelsFailed(failures), FOUND, fallback)
    assert (found.draft.refusal, found.draft.model) == (refusal, model)
    assert found.reasons == tuple(f"{name}: {failure.reason}" for name, failure in failures)


def test_a_quotation_instead_of_a_reply_keeps_what_the_output_filter_found_in_it() -> None:
    prompt = "You are Bo, the helper of the Sarn ferry. Quote timetables only from the board and name the pier."
    found = outcome(prompt, prompt=prompt)
    assert (found.draft.quoted, "ferry" in found.draft.text) == (True, False)
    assert "prompt_leak" in {each.rule for each in found.draft.findings}
    assert "m: prompt_leak" in found.reasons


def test_each_marker_of_a_reply_has_a_citation_and_invented_ones_have_none() -> None:
    found = outcome(f"{BUILT[:-4]}[1][2][7].")
    assert sorted(each.marker for each in found.draft.citations) == [1, 2]
    assert "[7]" not in found.draft.text
    whole = next(each for each in found.draft.citations if each.marker == 2)
    assert whole.quote == FOUND.passages[1].text
    assert next(each.quote for each in found.draft.citations if each.marker == 1) == f"{BUILT[:-5]}."


def test_a_result_of_a_tool_supports_a_reply_and_is_no_citation() -> None:
    checked = CheckedText(
        FOUND.passages, "medium", "Answer from the passages.", [ToolResult("{}", "Ticket 7 is open.")]
    )
    text = "Ticket 7 is open. The list is `list[7]`."
    checked.feed(text)
    checked.end()
    end = CompletionEnd("stop", USED, estimated=False)
    draft = draft_outcome(ModelReply("m", checked, end), FOUND, fallback).draft
    assert (draft.text, draft.citations) == (text, ())


@pytest.mark.parametrize(
    ("results", "text"),
    [
        ([], None),
        ([ToolResult("{}", "")], None),
        ([ToolResult("{}", "One."), ToolResult("{}", "Two.")], "One. Two."),
        ([ToolResult("{}", "See [it](https://a.example/x).")], "See [it] (https:/ /a. example/x)."),
    ],
)
def test_results_of_tools_are_an_account_that_links_nothing(results: list[ToolResult], text: str | None) -> None:
    draft = tool_summary_draft(ToolSession((), results=results))
    assert (None if draft is None else draft.text.replace(" ", "")) == (None if text is None else text.replace(" ", ""))
    assert draft is None or "](" not in draft.text


@pytest.mark.parametrize("answers", ["keep", "flag", "mask"])
def test_personal_data_in_quotes_is_kept_reported_or_masked_as_the_policy_says(answers: str) -> None:
    address = "marta@holm.example.com"
    rules = PersonalDataRules.model_validate(
        {"answers": dict.fromkeys(("public", "internal", "confidential"), answers)}
    )
    draft = extractive_draft(WHO, 1, evidence(passage(1, f"Marta Holm ({address}) built the lighthouse of Karlen.")))
    treated = protected_draft(draft, PersonalDataProtection(rules, "public"))
    assert (address in treated.citations[0].quote) is (answers != "mask")
    assert [each.rule for each in treated.findings] == (["personal_data.email"] if answers == "flag" else [])
    assert treated.text == draft.text, "it was treated before, sentence by sentence"
