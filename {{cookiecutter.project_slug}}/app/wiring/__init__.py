"""The only place that chooses what is real. `build` returns one typed State; the doors use nothing else."""

from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from app import __version__
from app.adapters.chat.choice import ModelChoice
from app.adapters.embeddings.opening import EmbedderChoice, open_embedder
from app.adapters.languages import Langid
from app.adapters.parsers.pool import ParserPool
from app.adapters.prices import BundledPrices
from app.core.clock import Clock, SystemClock
from app.core.database import Database, listen, open_database
from app.core.embedded import EmbeddedPostgres, Urls, start_embedded
from app.core.errors import StartRefused
from app.core.health import Health
from app.core.jobs import JobSpec
from app.core.logging import configure_logging
from app.core.ownership import OwnershipPolicy
from app.core.policies import Policies, PolicyModel, load_policies
from app.core.schema import SchemaCheck
from app.core.slo import SloPolicy
from app.core.telemetry import configure_tracing, shutdown_tracing
from app.costs.domain import CostPolicy, PricedModel
from app.costs.service import Costs, make_price_table
from app.evaluation.domain.policy import QualityPolicy
from app.identity.domain import RateLimit
from app.identity.service import Identity
from app.inference.domain.answers import EXTRACTIVE
from app.inference.service import Answers, Archive, Link, ModelChain, Replays
from app.ingestion.domain.policy import DataPolicy
from app.ingestion.jobs import job_specs as ingestion_jobs
from app.ingestion.service import Ingestion
from app.ingestion.service.parts import Parts as IngestionParts
from app.releases.domain import INDEX_SWITCHED, Ingredients, ModelStep
from app.releases.service import Releases, read_code, read_prompts
from app.retrieval.ports import Embedder
from app.retrieval.service import Retrieval, make_retrieval
from app.safety.domain.policy import SecurityPolicy
from app.settings import Settings

POLICIES: dict[str, type[PolicyModel]] = {
    "ownership": OwnershipPolicy,
    "slo": SloPolicy,
    "cost": CostPolicy,
    "security": SecurityPolicy,
    "data": DataPolicy,
    "quality": QualityPolicy,
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
    retrieval: Retrieval
    ingestion: Ingestion
    answers: Answers
    replays: Replays
    archive: Archive

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
            self.retrieval,
            self.ingestion,
            self.answers,
            self.replays,
            self.archive,
        )
        return {type(thing): thing for thing in things}

    @property
    def jobs(self) -> list[JobSpec]:
        """What a worker can run."""
        return ingestion_jobs(self.ingestion)

    def background(self) -> list[Awaitable[None]]:
        """What runs beside the requests of a process, until it ends."""

        async def switched(payload: str) -> None:
            await self.retrieval.follow(payload)
            await self.releases.follow(payload)

        return [listen(self.database, INDEX_SWITCHED, switched)]


def policies_of(settings: Settings) -> Policies:
    return load_policies(settings.root / "policies", POLICIES)


def check(settings: Settings) -> Policies:
    """What a start would refuse before it looks at models' weights or the database. Errors: StartRefused."""
    policies = policies_of(settings)
    _keep_confidential(settings, policies)
    read_prompts(settings.root / "prompts")
    make_price_table(policies.get(CostPolicy), _writers(settings), BundledPrices(), SystemClock())
    return policies


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


def _keep_confidential(settings: Settings, policies: Policies) -> None:
    """Errors: StartRefused when confidential text would leave for a host that nobody agreed to."""
    if policies.get(OwnershipPolicy).data_sensitivity != "confidential":
        return
    embeds = "openai" in (settings.embedder, settings.embedder_next)
    addresses = [choice.base_url for choice in settings.model_chain] + [settings.embedder_url] * embeds
    for address in addresses:
        if not policies.get(SecurityPolicy).may_receive(address):
            raise StartRefused(
                f"policies/ownership.yaml calls the data confidential, and text would be sent to {address}; "
                "once that is agreed, name its host under confidential_hosts in policies/security.yaml."
            )


def _embedders(settings: Settings) -> list[Embedder]:
    choice = EmbedderChoice(
        folder=settings.embedder_folder,
        threads=settings.embedder_threads,
        url=settings.embedder_url,
        model=settings.embedder_model,
        dimensions=settings.embedder_dimensions,
        key=settings.embedder_key,
    )
    kinds = dict.fromkeys(kind for kind in (settings.embedder, settings.embedder_next) if kind)
    return [open_embedder(kind, choice) for kind in kinds]


@asynccontextmanager
async def _models(choices: tuple[ModelChoice, ...], clock: Clock) -> AsyncIterator[ModelChain]:
    if not choices:
        yield ModelChain((), clock)
        return
    # Imported late: an HTTP client is a lot of memory for a service that quotes its evidence.
    from app.adapters.chat.opening import open_chat
    from app.adapters.chat.transport import make_transport

    async with make_transport() as transport:
        links = [Link(open_chat(each, transport, clock), each.timeout_seconds) for each in choices]
        yield ModelChain(tuple(links), clock)


def _costs(
    settings: Settings, policies: Policies, embedders: list[Embedder], database: Database, clock: Clock
) -> Costs:
    policy = policies.get(CostPolicy)
    vectors = [
        PricedModel(each.model, each.provider, "embedding", settings.embedder_url)
        for each in embedders
        if each.dimensions
    ]
    models = [*_writers(settings), *vectors]
    return Costs(policy, make_price_table(policy, models, BundledPrices(), clock), database, clock)


def _writers(settings: Settings) -> list[PricedModel]:
    written = [PricedModel(each.model, each.paid, address=each.base_url) for each in settings.model_chain]
    return [*written, PricedModel(EXTRACTIVE, "local")]


def _ingredients(settings: Settings, policies: Policies, costs: Costs, retrieval: Retrieval) -> Ingredients:
    return Ingredients(
        code=read_code(Path(__file__).parent, __version__),
        prompts=read_prompts(settings.root / "prompts"),
        chain=_steps(settings.model_chain),
        retrieval=retrieval.params.manifest(),
        policies=policies.contents,
        prices=costs.table.canonical,
        settings={"deadline_seconds": policies.get(SloPolicy).deadline_seconds},
    )


def _steps(choices: tuple[ModelChoice, ...]) -> tuple[ModelStep, ...]:
    written = (
        ModelStep(
            provider=each.paid,
            model=each.model,
            address=each.base_url,
            parameters=each.model_dump(exclude={"model", "base_url", "api_key", "provider"}),
        )
        for each in choices
    )
    return (*written, ModelStep(provider="local", model=EXTRACTIVE))


def _ingestion(
    policies: Policies, database: Database, clock: Clock, retrieval: Retrieval, parser: ParserPool
) -> Ingestion:
    return Ingestion(
        IngestionParts(
            database=database,
            retrieval=retrieval,
            parser=parser,
            languages=Langid(),
            data=policies.get(DataPolicy),
            security=policies.get(SecurityPolicy),
            clock=clock,
        )
    )


@asynccontextmanager
async def build(settings: Settings, urls: Urls, clock: Clock | None = None) -> AsyncIterator[State]:
    """Makes the state of a process and takes it down again. Errors: StartRefused."""
    policies = policies_of(settings)
    _keep_confidential(settings, policies)
    clock = clock or SystemClock()
    database = await open_database(urls.service, settings.database_pool)
    embedders = _embedders(settings)
    costs = _costs(settings, policies, embedders, database, clock)
    retrieval = make_retrieval(database, clock, costs, embedders, settings.text_search)
    releases = Releases(_ingredients(settings, policies, costs, retrieval), database, retrieval, clock)
    parser = ParserPool(processes=settings.worker_concurrency)
    slo = policies.get(SloPolicy)
    limits = policies.get(SecurityPolicy).limits
    try:
        async with _models(settings.model_chain, clock) as chain:
            answers = Answers(
                database,
                clock,
                releases,
                retrieval,
                costs,
                chain,
                policies.get(SecurityPolicy),
                slo.deadline_seconds,
                policies.get(OwnershipPolicy).risk_tier,
            )
            yield State(
                settings=settings,
                policies=policies,
                clock=clock,
                database=database,
                urls=urls,
                health=Health(
                    {
                        "database": database.ping,
                        "schema": SchemaCheck(urls.service, settings.root),
                        "index": retrieval.ready,
                        "release": releases.ready,
                    }
                ),
                identity=Identity(database, clock, settings.pepper(), RateLimit(limits.requests_per_minute_per_key)),
                costs=costs,
                releases=releases,
                retrieval=retrieval,
                ingestion=_ingestion(policies, database, clock, retrieval, parser),
                answers=answers,
                replays=Replays(database, slo.deadline_seconds),
                archive=Archive(database, clock),
            )
            await answers.close()
    finally:
        await parser.close()
        await retrieval.close()
        await database.close()
        shutdown_tracing()
