"""The composition of `app serve --only retrieval`: the database, the embedders and the search, and nothing else.

Neither releases nor models, parsers or people's keys are here: its callers have checked who asks, and which release
answers. It also leaves to them whether the database was restored from before an erasure.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial

from app.core.background import BackgroundJob
from app.core.clock import Clock, SystemClock
from app.core.database import Database, listen, open_database
from app.core.embedded import Urls
from app.core.health import Check, Health
from app.core.ownership import OwnershipPolicy
from app.core.policies import Policies, PolicyModel, load_policies
from app.core.rooms import RoomKeys
from app.core.schema import SchemaCheck
from app.core.telemetry import shutdown_tracing
from app.core.template_record import TemplateRecord
from app.costs.domain import CostPolicy
from app.costs.service import Costs
from app.releases.domain import INDEX_SWITCHED
from app.retrieval.service.retrieval import Retrieval, make_retrieval
from app.safety.domain.policy import SecurityPolicy
from app.safety.domain.privacy_policy import PrivacyPolicy
from app.settings import Settings
from app.setup.prices import choose_costs, embedding_models
from app.setup.process import embedder_addresses, make_embedders
from app.setup.release_check import check_data_egress, protection_of

POLICIES: dict[str, type[PolicyModel]] = {
    "ownership": OwnershipPolicy,
    "security": SecurityPolicy,
    "cost": CostPolicy,
    "privacy": PrivacyPolicy,
}
"""Those that searching is under: whose service it is, where text may go, what it may cost, and what is masked."""


@dataclass(frozen=True, repr=False)
class RetrievalRoom:
    """The services of a process that runs retrieval alone."""

    settings: Settings
    policies: Policies
    clock: Clock
    database: Database
    costs: Costs
    retrieval: Retrieval
    health: Health
    keys: RoomKeys

    @property
    def provided(self) -> dict[type, object]:
        """The services that routes may depend on, by type."""
        return {type(each): each for each in (self.retrieval, self.health)}

    def background(self) -> list[BackgroundJob]:
        """The background jobs of the process; they run until it ends."""
        return [partial(listen, self.database, INDEX_SWITCHED, self.retrieval.follow)]


@asynccontextmanager
async def open_retrieval_room(
    settings: Settings, urls: Urls, clock: Clock | None = None
) -> AsyncIterator[RetrievalRoom]:
    """Errors: StartRefused, when a policy, a price or an embedder cannot be used, or the key is not set."""
    keys, clock = room_keys(settings), clock or SystemClock()
    policies = load_policies(settings.root / "policies", POLICIES, all_files=False)
    check_data_egress(policies, embedder_addresses(settings))
    database = await open_database(urls.service, settings.database_pool)
    embedders = make_embedders(settings, protection_of(policies))
    models = embedding_models(embedders, settings.embedder_url)
    # A hold of this process is settled by the one that stores the answer, so that each serves one call.
    costs = replace(await choose_costs(policies.get(CostPolicy), models, database, clock), shared_by=1)
    retrieval = make_retrieval(database, clock, costs, embedders, settings.text_search)
    checks: dict[str, Check] = {
        "database": database.ping,
        "schema": SchemaCheck(urls.service, settings.root),
        "index": retrieval.ready,
    }
    health = Health(checks, template=TemplateRecord.of(settings.root).version)
    try:
        yield RetrievalRoom(settings, policies, clock, database, costs, retrieval, health, keys)
    finally:
        await costs.close()
        await retrieval.close()
        await database.close()
        shutdown_tracing()


def room_keys(settings: Settings) -> RoomKeys:
    """Errors: StartRefused, when none is set outside development."""
    previous = settings.room_key_previous
    return RoomKeys(settings.room_secret(), previous.get_secret_value().encode() if previous else None)
