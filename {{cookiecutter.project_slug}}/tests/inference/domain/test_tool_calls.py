"""What a model and an asker read about the tool calls of an answer."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
import pytest

from app.actions.domain import ActionOffer, ActionProposal, NewAction, ProposalRefused, ReviewTerms, RiskClass
from app.inference.domain.conversations.turns import Turn
from app.inference.domain.tool_calls import MAX_RESULT_CHARACTERS, AnswerAction, ToolResult, ToolSession

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)
TERMS = ReviewTerms("actions", "before", "low", NOON, None, 1, False, (), "Close it.")
STATES: dict[str, RiskClass] = {"done": "read", "approved": "reversible", "waiting": "irreversible"}


def entry(state: Any, number: int = 1, result: Any = None, **arguments: Any) -> NewAction:
    ids = [UUID(int=number) for _ in range(4)]
    proposal = ActionProposal(
        *ids, "ana", "r", "close_ticket", STATES[state], arguments or {"ticket": "T-1"}, UUID(int=9), NOON, 5
    )
    return NewAction(proposal, state, TERMS if state == "waiting" else None, tainted=False, result=result)


@pytest.mark.parametrize(
    ("outcome", "member", "text"),
    [
        (ProposalRefused("limit_reached", "Only 2 may be proposed."), "refused", "Only 2 may be proposed."),
        (entry("done", result={"status": "open"}), "result", "close_ticket (ticket T-1): status open."),
        (entry("approved"), "accepted", "close_ticket (ticket T-1) was accepted and runs as soon as this answer is"),
        (entry("waiting"), "waiting", "close_ticket (ticket T-1) waits for a person, who decides whether it is done."),
    ],
)
def test_a_result_says_what_became_of_the_call(outcome: Any, member: str, text: str) -> None:
    result = ToolResult.of(outcome)
    assert set(orjson.loads(result.content)) == {member}
    assert result.text.startswith(text)


@pytest.mark.parametrize(
    ("result", "text"),
    [
        ({}, ""),
        ({"notes": []}, "notes none"),
        ({"notes": ["a", "b"]}, "notes a; b"),
        ({"notes": [{"by": "ana", "text": "x"}, {"by": "bo"}]}, "notes by ana, text x; by bo"),
        ({"count": 0, "open": False, "by": None}, "count 0, open False, by None"),
        ({"at": NOON}, "at 2026-01-31 12:00:00+00:00"),
        ({"deep": {"deeper": {"deepest": [1, [2, 3]]}}}, "deep deeper deepest 1; 2; 3"),
    ],
)
def test_a_result_of_any_form_is_put_into_words(result: dict[str, Any], text: str) -> None:
    assert ToolResult.of(entry("done", result=result)).text == f"close_ticket (ticket T-1): {text}."


def test_a_long_result_is_cut_for_the_model_only() -> None:
    result = ToolResult.of(entry("done", result={"text": "é" * 2 * MAX_RESULT_CHARACTERS}))
    assert len(result.content) == MAX_RESULT_CHARACTERS
    assert len(result.text) > MAX_RESULT_CHARACTERS


def test_what_orjson_does_not_know_is_written_as_text() -> None:
    assert orjson.loads(ToolResult.of(entry("done", result={"of": {1}})).content) == {"result": {"of": "{1}"}}


def test_an_action_of_an_answer_says_where_its_state_is_shown() -> None:
    action = AnswerAction.of(entry("waiting", 5))
    assert action.as_dict() == {
        "id": UUID(int=5),
        "action": "close_ticket",
        "risk": "irreversible",
        "arguments": {"ticket": "T-1"},
        "state": "waiting",
        "where": f"/v1/actions/{UUID(int=5)}",
    }


def offer(name: str) -> ActionOffer:
    return ActionOffer(name, f"Does {name}.", "read", "actions:read", {"type": "object"}, untrusted=False)


def test_a_model_sees_of_an_offer_only_its_name_description_and_parameters() -> None:
    session = ToolSession((offer("look"), offer("close")))
    assert [(each.name, each.description, each.parameters) for each in session.tools] == [
        ("look", "Does look.", {"type": "object"}),
        ("close", "Does close.", {"type": "object"}),
    ]
    assert session.offer("close").name == "close"
    with pytest.raises(StopIteration):
        session.offer("open_the_safe")


def test_dropped_proposals_leave_only_what_has_already_run() -> None:
    entries = [entry("done", 1, {"a": 1}), entry("approved", 2), entry("waiting", 3)]
    session = ToolSession((), entries=entries, results=[ToolResult.of(each) for each in entries])
    assert [each.state for each in session.actions] == ["done", "approved", "waiting"]
    assert session.summary is not None
    session.drop()
    assert [each.state for each in session.actions] == ["done"]
    assert session.summary is None


@pytest.mark.parametrize(
    "hostile",
    ["![x](https://a.example/p)", "<img src=https://a.example>", "https://a.example/secret", "javascript:alert(1)"],
)
def test_an_account_of_results_loads_and_links_nothing(hostile: str) -> None:
    session = ToolSession((), results=[ToolResult.of(entry("approved", note=hostile))])
    assert session.summary is not None
    assert hostile not in session.summary
    assert hostile.replace(" ", "") in session.summary.replace(" ", ""), "only spaces are added"


@pytest.mark.parametrize(
    ("answers", "suspicious", "tainted"),
    [(("",), False, False), (("",), True, True), (("It stands.", ""), False, True), ((), False, False)],
)
def test_earlier_answers_and_suspicious_questions_taint_what_is_proposed(
    answers: tuple[str, ...], suspicious: bool, tainted: bool
) -> None:
    session = ToolSession((), passages=("A passage.",), documents={UUID(int=1)})
    turns = [Turn("Where?", each, documents=(UUID(int=2 + number),)) for number, each in enumerate(answers)]
    session.read_turns(turns, suspicious)
    assert session.tainted is tainted
    assert session.passages == ("A passage.", *filter(None, answers))
    assert session.documents == {UUID(int=1 + number) for number in range(len(answers) + 1)}


def test_what_the_model_read_before_the_turns_still_taints() -> None:
    session = ToolSession((), tainted=True)
    session.read_turns([Turn("Where?")], suspicious=False)
    assert session.tainted
