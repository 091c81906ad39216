"""Arguments and offers of actions, without a database."""

from dataclasses import replace
from uuid import uuid4

import orjson
import pytest

from app.actions.domain import ActionNotOffered, ActionPolicy, InvalidArguments
from app.actions.service import SHIPPED, ActionCatalogue, ActionRegistry, ExternalActions
from app.actions.service.arguments import MAX_CHARACTERS, offer_of, parse_arguments
from app.adapters.mcp.client import SdkToolServers
from app.identity.domain import PermissionMissing, Principal

REGISTRY = {action.name: action for action in SHIPPED}
NOTE = REGISTRY["add_ticket_note"]
CALLER = Principal(uuid4(), uuid4(), "asker", frozenset({"user"}))


def policy(*names: str) -> ActionPolicy:
    return ActionPolicy.model_validate({"owner": "tests", "offered": {name: {"per_hour": 1} for name in names}})


def catalogue(*names: str) -> ActionCatalogue:
    external = ExternalActions(SdkToolServers({}), policy)
    return ActionCatalogue(ActionRegistry(REGISTRY, external), lambda: policy(*names))


def test_arguments_are_stored_as_the_action_understands_them() -> None:
    assert parse_arguments(NOTE, '{"text": "  done ", "ticket": "T-1"}') == {"ticket": "T-1", "text": "done"}


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("", "ticket: Field required"),
        ('{"ticket": "1", "text": "x"}', "ticket: String should match"),
        ('{"ticket": "T-1", "text": "x", "force": true}', "force: Extra inputs"),
        ('{"ticket": "T-1", "text": "a\\u0000b"}', "the character NUL"),
        ("x" * (MAX_CHARACTERS + 1), "longer than 20,000 characters"),
    ],
)
def test_invalid_arguments_are_named(text: str, detail: str) -> None:
    with pytest.raises(InvalidArguments, match=detail):
        parse_arguments(NOTE, text)


def test_an_offer_forbids_unknown_arguments() -> None:
    assert all(offer_of(action).parameters["additionalProperties"] is False for action in SHIPPED)


def test_the_policy_selects_from_the_registered_actions() -> None:
    offered = catalogue("close_ticket", "add_ticket_note", "not_registered").offered()
    assert [offer.name for offer in offered] == ["add_ticket_note", "close_ticket"]


def test_a_caller_selects_each_offered_action_once_and_needs_its_permission() -> None:
    offers = catalogue()
    allowed = policy("add_ticket_note", "close_ticket")
    names = ["add_ticket_note", "add_ticket_note"]
    assert [offer.name for offer in offers.select(allowed, CALLER, names)] == ["add_ticket_note"]
    with pytest.raises(PermissionMissing, match="tickets:close"):
        offers.select(allowed, CALLER, ["close_ticket"])
    with pytest.raises(ActionNotOffered, match="look_up_ticket"):
        offers.select(allowed, CALLER, ["look_up_ticket"])
    with pytest.raises(PermissionMissing, match="actions:propose"):
        offers.select(allowed, replace(CALLER, roles=frozenset({"service"})), ["add_ticket_note"])


def test_an_edit_replaces_the_arguments_and_nothing_else() -> None:
    payload = orjson.dumps({"action": NOTE.name, "arguments": {"ticket": "T-1", "text": "a"}, "nonce": "n"})
    edited = orjson.loads(catalogue().edit(payload, '{"ticket": "T-1", "text": "b"}'))
    assert edited == {"action": NOTE.name, "arguments": {"ticket": "T-1", "text": "b"}, "nonce": "n"}
    with pytest.raises(InvalidArguments, match="unchanged"):
        catalogue().edit(payload, '{"ticket": "T-1", "text": "a"}')
