"""The actions that exist, those that a release offers, and what the caller may use of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import orjson

from app.actions.domain import PROPOSE_PERMISSION, ActionNotOffered, ActionOffer, ActionPolicy, InvalidArguments
from app.actions.ports import Action
from app.actions.service.arguments import offer_of, parse_arguments
from app.identity.domain import Principal
from app.releases.domain import canonical_json


@dataclass(frozen=True)
class ActionCatalogue:
    """registry: all actions, by name. live_policy: returns the policy of the live release."""

    registry: Mapping[str, Action]
    live_policy: Callable[[], ActionPolicy]

    @cached_property
    def _offers(self) -> Mapping[str, ActionOffer]:
        return {name: offer_of(action) for name, action in self.registry.items()}

    def offered(self, policy: ActionPolicy | None = None) -> tuple[ActionOffer, ...]:
        """The actions that a policy offers, by name. None: the policy of the live release."""
        policy = policy or self.live_policy()
        return tuple(self._offers[name] for name in sorted(policy.offered.keys() & self._offers.keys()))

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

    def edit(self, payload: bytes, text: str) -> bytes:
        """The payload with other arguments. text: all arguments, as a JSON object. Errors: InvalidArguments."""
        current: dict[str, Any] = orjson.loads(payload)
        action = self.registry.get(current["action"])
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
