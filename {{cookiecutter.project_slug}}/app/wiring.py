"""The only place that chooses what is real. `build` returns one typed State; the doors use nothing else."""

from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from app import __version__
from app.adapters.prices import BundledPrices
from app.core.clock import Clock, SystemClock
from app.core.database import Database, listen, open_database
from app.core.embedded import EmbeddedPostgres, Urls, start_embedded
from app.core.health import Health
from app.core.jobs import JobSpec
from app.core.logging import configure_logging
from app.core.ownership import OwnershipPolicy
from app.core.policies import Policies, PolicyModel, load_policies
from app.core.slo import SloPolicy
from app.core.telemetry import configure_tracing, shutdown_tracing
from app.costs.domain import CostPolicy, PricedModel
from app.costs.service import Costs, make_price_table
from app.identity.service import Identity
from app.ingestion.domain.policy import DataPolicy
from app.releases.domain import INDEX_SWITCHED, IndexPin, Ingredients, ModelStep
from app.releases.service import Releases, read_code, read_prompts
from app.safety.domain.policy import SecurityPolicy
from app.settings import Settings

POLICIES: dict[str, type[PolicyModel]] = {
    "ownership": OwnershipPolicy,
    "slo": SloPolicy,
    "cost": CostPolicy,
    "security": SecurityPolicy,
    "data": DataPolicy,
}


@dataclass(frozen=True)
class State:
    """Everything a running process holds."""

    settings: Settings
    policies: Policies
    clock: Clock
    database: Database
    urls: Urls
    health: Health
    identity: Identity
    costs: Costs
    releases: Releases

    @property
    def provided(self) -> dict[type, object]:
        """What routes may ask for, by type."""
        things = (
            self.settings,
            self.policies,
            self.database,
            self.health,
            self.identity,
            self.costs,
            self.releases,
        )
        return {type(thing): thing for thing in things}

    @property
    def jobs(self) -> list[JobSpec]:
        """What a worker can run."""
        return []

    def background(self) -> list[Awaitable[None]]:
        """What runs beside the requests of a process, until it ends."""
        return [listen(self.database, INDEX_SWITCHED, self.releases.follow)]


def policies_of(settings: Settings) -> Policies:
    return load_policies(settings.root / "policies", POLICIES)


def database_urls(settings: Settings) -> tuple[Urls, EmbeddedPostgres | None]:
    """Where the database is; starts the embedded server when no other is named."""
    if settings.database_url is None:
        server = start_embedded(settings.data_dir)
        return server.urls(), server
    service = settings.database_url.get_secret_value()
    owner = settings.database_owner_url.get_secret_value() if settings.database_owner_url else service
    return Urls(service=service, owner=owner), None


def observe(settings: Settings) -> None:
    """Logs and traces as the settings say; first thing in every process."""
    configure_logging(settings.log_level, settings.log_format)
    configure_tracing(
        settings.traces,
        settings.trace_sample,
        settings.root.resolve().name,
        __version__,
        settings.otlp_endpoint,
    )


class _NoIndex:
    async def live_index(self) -> IndexPin:
        return IndexPin()


def _costs(policies: Policies, database: Database, clock: Clock) -> Costs:
    policy = policies.get(CostPolicy)
    models = [PricedModel("extractive", "local")]
    return Costs(policy, make_price_table(policy, models, BundledPrices(), clock), database, clock)


def _ingredients(settings: Settings, policies: Policies, costs: Costs) -> Ingredients:
    return Ingredients(
        code=read_code(Path(__file__).parent, __version__),
        prompts=read_prompts(settings.root / "prompts"),
        chain=(ModelStep(provider="local", model="extractive"),),
        retrieval={},
        policies=policies.contents,
        prices=costs.table.canonical,
        settings={"deadline_seconds": policies.get(SloPolicy).deadline_seconds},
    )


@asynccontextmanager
async def build(settings: Settings, urls: Urls, clock: Clock | None = None) -> AsyncIterator[State]:
    """Makes the state of a process and takes it down again. Errors: StartRefused."""
    policies = policies_of(settings)
    clock = clock or SystemClock()
    database = await open_database(urls.service, settings.database_pool)
    costs = _costs(policies, database, clock)
    releases = Releases(_ingredients(settings, policies, costs), database, _NoIndex(), clock)
    try:
        yield State(
            settings=settings,
            policies=policies,
            clock=clock,
            database=database,
            urls=urls,
            health=Health({"database": database.ping, "release": releases.ready}),
            identity=Identity(database, clock, settings.pepper(), requests_per_minute=60_000),
            costs=costs,
            releases=releases,
        )
    finally:
        await database.close()
        shutdown_tracing()
