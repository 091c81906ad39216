"""The actions that exist, those that a release offers, and what the caller may use of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from app.actions.domain import (
    PROPOSE_PERMISSION,
    ActionNotOffered,
    ActionOffer,
    ActionPolicy,
    ExternalToolPin,
    InvalidArguments,
    pins_of,
)
from app.actions.ports import Action
from app.actions.service.arguments import offer_of, parse_arguments
from app.actions.service.external_actions import ActionRegistry, ExternalAction
from app.identity.domain import Principal
from app.releases.domain import canonical_json


@dataclass(frozen=True)
class ActionCatalogue:
    """registry: all actions. live_policy: returns the policy of the live release."""

    registry: ActionRegistry
    live_policy: Callable[[], ActionPolicy]
    _offers: dict[str, tuple[Action, ActionOffer]] = field(default_factory=dict)

    def offered(self, policy: ActionPolicy | None = None) -> tuple[ActionOffer, ...]:
        """The actions that a policy offers, by name. None: the policy of the live release."""
        policy = policy or self.live_policy()
        actions = self.registry.of(policy)
        pins = pins_of(policy.servers)
        return tuple(
            self._offer(actions[name])
            for name in sorted(policy.offered.keys() & actions.keys())
            if _is_as_accepted(actions[name], pins)
        )

    def select(self, policy: ActionPolicy, caller: Principal, names: Sequence[str]) -> tuple[ActionOffer, ...]:
        """The named actions, each once, after a check that the caller has the permission for each.

        Errors: ActionNotOffered, PermissionMissing.
        """
        offered = {offer.name: offer for offer in self.offered(policy)}
        if unknown := [name for name in names if name not in offered]:
            listed = ", ".join(offered) or "none"
            raise ActionNotOffered(f"There is no action '{unknown[0]}' here; there are: {listed}.")
        if names:
            caller.require(PROPOSE_PERMISSION)
        selected = tuple(offered[name] for name in dict.fromkeys(names))
        for offer in selected:
            caller.require(offer.scope)
        return selected

    def _offer(self, action: Action) -> ActionOffer:
        """Computed once for each action: a schema takes longer than everything else that is done with it."""
        known, offer = self._offers.get(action.name, (None, None))
        if offer is None or known is not action:
            offer = offer_of(action)
            self._offers[action.name] = action, offer
        return offer

    def for_clients(self, policy: ActionPolicy, caller: Principal) -> tuple[ActionOffer, ...]:
        """The actions that a program of this caller may propose: those that the caller has the permissions for, and
        whose arguments may come from a client.
        """
        if not caller.may(PROPOSE_PERMISSION):
            return ()
        return tuple(
            offer
            for offer in self.offered(policy)
            if caller.may(offer.scope) and policy.offered[offer.name].may_come_from("client")
        )

    def edit(self, payload: bytes, text: str) -> bytes:
        """The payload with other arguments. text: all arguments, as a JSON object. Errors: InvalidArguments."""
        current: dict[str, Any] = orjson.loads(payload)
        action = self.registry.bound(current["action"], current.get("tool"))
        if action is None:
            raise InvalidArguments(f"There is no action '{current['action']}' any more.", action="Reject it.")
        arguments = parse_arguments(action, text)
        if arguments == current["arguments"]:
            raise InvalidArguments("The arguments are unchanged.", action="Approve it instead.")
        origins = {
            name: ["reviewer"]
            if value != current["arguments"].get(name)
            else current["origins"].get(name, ["reviewer"])
            for name, value in arguments.items()
            if "origins" in current
        }
        return canonical_json({**current, "arguments": arguments} | ({"origins": origins} if origins else {}))


def _is_as_accepted(action: Action, pins: Mapping[str, ExternalToolPin]) -> bool:
    """Whether a tool of another server is there, and is the one that this policy accepts. Own actions always are."""
    if not isinstance(action, ExternalAction):
        return True
    return action.described is not None and action.pin == pins.get(action.name)
