"""Actions proposed and entered the way that answering does it."""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
import pytest_asyncio

from app.actions.domain import ActionPolicy, ActionProposal, NewAction, ProposalRefused, ReviewTerms, StoredAction
from app.actions.ports import Action
from app.actions.service import ActionRegistry, Actions, ExternalActions
from app.adapters.mcp.client import SdkToolServers
from app.core.change_waiter import ChangeWaiter
from app.core.clock import ManualClock
from app.core.embedded import Urls
from app.core.jobs import Worker
from app.identity.domain import Principal
from app.wiring import REGISTRY, State

RELEASE = "0" * 64
OFFERED = {name: {"per_hour": 1000} for name in REGISTRY}
POLICY = ActionPolicy(owner="tests", offered=OFFERED)  # type: ignore[arg-type]
EFFECTS = "select (select count(*) from ticket_notes), (select count(*) from action_runs)"


def actions_of(
    state: State, clock: ManualClock, registry: Mapping[str, Action], waiting: ChangeWaiter | None = None
) -> Actions:
    live_policy, waiting = state.actions.catalogue.live_policy, waiting or state.actions.proposals.waiting
    external = ExternalActions(SdkToolServers({}), live_policy)
    actions = ActionRegistry(registry, external)
    return Actions.build(state.database, state.identity, actions, live_policy, waiting, clock)


@dataclass
class Shop:
    """A tenant with tickets, the key of somebody who asks, and a clock of its own."""

    state: State
    urls: Urls
    tenant: UUID
    caller: Principal
    prefix: str
    clock: ManualClock
    actions: Actions

    def register(self, action: Action) -> None:
        """Adds an action, or replaces the one of that name, for this shop alone."""
        registry = {**self.actions.catalogue.registry, action.name: action}
        self.actions = actions_of(self.state, self.clock, registry)

    async def ticket(self, title: str = "The pump leaks") -> str:
        return (await self.state.tickets.add(self.caller, title, "Since Monday, at the flange.")).id

    async def propose(
        self, name: str, policy: ActionPolicy = POLICY, already: tuple[ActionProposal, ...] = (), **arguments: Any
    ) -> ActionProposal | ProposalRefused:
        offers = self.actions.catalogue.select(policy, self.caller, [name])
        text = json.dumps(arguments)
        return await self.actions.proposals.propose(policy, self.caller, uuid4(), RELEASE, offers, name, text, already)

    async def proposal(self, name: str = "add_ticket_note", **arguments: Any) -> ActionProposal:
        if "ticket" not in arguments:
            arguments["ticket"] = await self.ticket()
        said = {"add_ticket_note": "text", "close_ticket": "resolution"}.get(name)
        found = await self.propose(name, **({said: "Flange tightened."} if said else {}) | arguments)
        assert isinstance(found, ActionProposal), found
        return found

    def terms(self, **changes: Any) -> ReviewTerms:
        due = self.clock.now() + timedelta(hours=1)
        known = ReviewTerms("all", "before", "medium", due, None, 1, False, (), "What about the pump?")
        return replace(known, **changes)

    async def enter(self, *entries: NewAction) -> None:
        async with self.state.database.transaction(self.tenant) as connection:
            await self.actions.proposals.store(connection, entries)

    async def approved(self, **arguments: Any) -> ActionProposal:
        """A reversible action that no rule wants a person for; it has not run yet."""
        proposal = await self.proposal(**arguments)
        await self.enter(NewAction(proposal, "approved", None, tainted=False))
        return proposal

    async def waiting(
        self, name: str = "close_ticket", tainted: bool = False, documents: tuple[UUID, ...] = (), **changes: Any
    ) -> ActionProposal:
        """An action that waits for a person; it is not in the queue yet. documents: what its model had read."""
        proposal = await self.proposal(name)
        await self.enter(NewAction(proposal, "waiting", self.terms(**changes), tainted, documents=documents))
        return proposal

    async def run(self, proposal: ActionProposal) -> StoredAction:
        await self.actions.execution.run(self.tenant, proposal.id)
        return await self.shown(proposal)

    async def shown(self, proposal: ActionProposal) -> StoredAction:
        return await self.actions.proposals.show(self.caller, proposal.id)

    async def work(self) -> None:
        await Worker(self.state.database, self.state.jobs, concurrency=2).run(wait=False)

    async def rows(self, sql: str) -> list[tuple[Any, ...]]:
        async with self.state.database.pipeline(self.tenant) as connection:
            cursor = await connection.execute(sql)
        return await cursor.fetchall()

    async def effects(self) -> tuple[int, int]:
        """Notes there are, and runs."""
        [(notes, runs)] = await self.rows(EFFECTS)
        return notes, runs

    async def audited(self) -> list[tuple[str, str]]:
        own = f"tenant_id = '{self.tenant}' and action like 'action.%'"
        return await self.rows(f"select action, reason from audit_log where {own} order by sequence")  # type: ignore[return-value]

    def tamper(self, sql: str, *values: Any) -> None:
        """What somebody with the owner's access to the database could do."""
        with psycopg.connect(self.urls.owner) as connection:
            connection.execute("select set_config('app.tenant_id', %s, true)", (str(self.tenant),))
            assert connection.execute(sql, values).rowcount == 1


Opened = Callable[[], Awaitable[Shop]]


@pytest.fixture
def open_shop(state: State, database_urls: Urls) -> Opened:
    async def make() -> Shop:
        tenant = await state.identity.ensure_tenant(f"shop-{uuid4().hex}")
        key = await state.identity.create_key(tenant, "asker", ["operator"])
        caller, clock = await state.identity.authenticate(key.text), ManualClock()
        actions = actions_of(state, clock, state.actions.catalogue.registry)
        return Shop(state, database_urls, tenant, caller, key.prefix, clock, actions)

    return make


@pytest_asyncio.fixture
async def shop(open_shop: Opened) -> Shop:
    return await open_shop()
