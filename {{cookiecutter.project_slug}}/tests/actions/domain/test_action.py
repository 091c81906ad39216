"""What may be stored as an action, and when an approved action is still the one that was approved."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.actions.domain import ActionProposal, NewAction, ReviewTerms, RiskClass, StoredAction, execution_fault
from app.actions.domain.action import END_STATES, is_bound_to, payload_of
from app.releases.domain import digest_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TERMS = ReviewTerms("all", "before", "low", NOW, None, 1, False, (), "What now?", webhook="https://example.org/told")
State = Literal["waiting", "approved", "done"]


def proposal(risk: RiskClass = "reversible", **arguments: Any) -> ActionProposal:
    ids = [UUID(int=number) for number in range(1, 6)]
    return ActionProposal(*ids[:4], "asker", "r" * 64, "add_note", risk, arguments, ids[4], NOW, 10)


def stored(approved: ActionProposal, **changed: Any) -> StoredAction:
    """An approved action, as the database has it."""
    action = StoredAction(
        id=approved.id,
        tenant_id=approved.tenant_id,
        answer_id=approved.answer_id,
        key_id=approved.key_id,
        requester=approved.requester,
        release_id=approved.release_id,
        action=approved.action,
        risk=approved.risk,
        tainted=False,
        payload=approved.payload,
        digest=approved.digest,
        nonce=approved.nonce,
        state="approved",
        approved_digest=approved.digest,
        approved_by="a person",
        edited=False,
        reason="",
        result=None,
        terms=TERMS,
        created_at=NOW,
        decided_at=NOW,
        ended_at=None,
    )
    return replace(action, **changed)


@pytest.mark.parametrize(
    ("risk", "state", "tainted", "terms"),
    [
        ("read", "done", True, None),
        ("reversible", "approved", False, None),
        ("reversible", "waiting", True, TERMS),
        ("irreversible", "waiting", False, TERMS),
    ],
)
def test_what_may_be_stored(risk: RiskClass, state: State, tainted: bool, terms: ReviewTerms | None) -> None:
    assert NewAction(proposal(risk), state, terms, tainted).state == state


@pytest.mark.parametrize(
    ("risk", "state", "tainted", "terms", "why"),
    [
        ("read", "approved", False, None, "a read has run"),
        ("read", "waiting", False, TERMS, "a read has run"),
        ("reversible", "done", False, None, "a read has run"),
        ("irreversible", "approved", False, TERMS, "waits for a person"),
        ("reversible", "approved", True, TERMS, "waits for a person"),
        ("reversible", "waiting", False, None, "has terms"),
    ],
)
def test_what_may_not(risk: RiskClass, state: State, tainted: bool, terms: ReviewTerms | None, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        NewAction(proposal(risk), state, terms, tainted)


def test_an_approved_action_that_nobody_changed_runs() -> None:
    assert execution_fault(stored(proposal(text="a"))) is None


@pytest.mark.parametrize("approved_digest", [None, "", "0" * 64])
def test_a_payload_that_was_not_approved_does_not_run(approved_digest: str | None) -> None:
    assert execution_fault(stored(proposal(text="a"), approved_digest=approved_digest)) == "payload_changed"


@pytest.mark.parametrize(
    "changed",
    [
        {"id": UUID(int=9)},
        {"tenant_id": UUID(int=9)},
        {"answer_id": UUID(int=9)},
        {"key_id": UUID(int=9)},
        {"requester": "another"},
        {"release_id": "s" * 64},
        {"action": "close_ticket"},
        {"risk": "read"},
        {"nonce": UUID(int=9)},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_a_payload_of_another_action_does_not_run(changed: dict[str, Any]) -> None:
    assert execution_fault(stored(proposal(text="a"), **changed)) == "binding_broken"


@pytest.mark.parametrize("payload", [b"", b"{", b"[]", b"{}", b"null", b'{"arguments": {}}'])
def test_bytes_that_are_no_payload_belong_to_no_action(payload: bytes) -> None:
    assert not is_bound_to(proposal(), payload)


ARGUMENTS = st.dictionaries(st.text(max_size=5), st.integers(-99, 99) | st.text(max_size=5) | st.none(), max_size=4)


@given(ARGUMENTS, ARGUMENTS)
def test_an_edit_of_the_arguments_stays_bound_and_has_another_digest(
    before: dict[str, Any], after: dict[str, Any]
) -> None:
    action = proposal(**{"text": "a"})
    payloads = [payload_of(action, each) for each in (before, after)]
    assert all(is_bound_to(action, payload) for payload in payloads)
    assert (digest_of(payloads[0]) == digest_of(payloads[1])) is (before == after)


@given(ARGUMENTS)
def test_the_order_of_the_arguments_does_not_change_what_is_approved(arguments: dict[str, Any]) -> None:
    turned = dict(reversed(arguments.items()))
    assert payload_of(proposal(), arguments) == payload_of(proposal(), turned)


def test_the_arguments_are_read_from_the_bytes_that_run() -> None:
    edited = payload_of(proposal(), {"text": "b"})
    assert stored(proposal(text="a"), payload=edited).arguments == {"text": "b"}
    assert orjson.loads(edited)["requester"] == {"key_id": str(UUID(int=4)), "name": "asker"}


@pytest.mark.parametrize("state", END_STATES)
def test_the_webhook_of_an_action_is_told_how_it_ended(state: Any) -> None:
    action = stored(proposal())
    message = action.webhook_message(state, NOW)
    assert message
    assert (message.url, message.state) == (TERMS.webhook, state)
    assert message.where == f"/v1/actions/{action.id}"


def test_without_a_webhook_nobody_is_told() -> None:
    assert stored(proposal(), terms=None).webhook_message("done", NOW) is None
    assert stored(proposal(), terms=replace(TERMS, webhook=None)).webhook_message("done", NOW) is None


def test_what_is_approved_names_the_origins_of_the_arguments() -> None:
    one = replace(proposal(text="x"), origins={"text": ("passage",)})
    assert orjson.loads(one.payload)["origins"] == {"text": ["passage"]}
    assert stored(one).origins == {"text": ["passage"]}
    assert execution_fault(stored(one)) is None
    assert "origins" not in orjson.loads(proposal(text="x").payload)
