from collections.abc import Callable
from dataclasses import dataclass

from app.actions.domain import ActionPolicy
from app.actions.service.catalogue import ActionCatalogue
from app.actions.service.ending import ACTION_ENDED_CHANNEL
from app.actions.service.execution import ActionExecution
from app.actions.service.external_actions import ActionRegistry, ExternalActions
from app.actions.service.proposals import ActionProposals
from app.actions.service.shipped_actions import SHIPPED
from app.actions.service.tickets import Tickets
from app.core.change_waiter import ChangeWaiter
from app.core.clock import Clock
from app.core.database import Database
from app.identity.service import Identity

__all__ = [
    "ACTION_ENDED_CHANNEL",
    "SHIPPED",
    "ActionCatalogue",
    "ActionExecution",
    "ActionProposals",
    "ActionRegistry",
    "Actions",
    "ExternalActions",
    "Tickets",
]


@dataclass(frozen=True)
class Actions:
    """The services of this room, on one catalogue and one clock."""

    catalogue: ActionCatalogue
    proposals: ActionProposals
    execution: ActionExecution

    @classmethod
    def build(
        cls,
        database: Database,
        identity: Identity,
        registry: ActionRegistry,
        live_policy: Callable[[], ActionPolicy],
        waiting: ChangeWaiter,
        clock: Clock | None = None,
    ) -> "Actions":
        """registry: all actions. clock: None is the database's time, which all processes share."""
        catalogue = ActionCatalogue(registry, live_policy)
        return cls(
            catalogue,
            ActionProposals(database, catalogue, waiting, clock),
            ActionExecution(database, identity, catalogue, clock),
        )
