"""Builds the services with their adapters. `build` yields the State that the API, worker and command line use."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from app import __version__
from app.actions.domain import ActionPolicy
from app.actions.jobs import job_specs as action_jobs
from app.actions.ports import Action
from app.actions.service import ACTION_ENDED_CHANNEL, SHIPPED, Actions, Tickets
from app.adapters.chat.choice import ModelChoice
from app.adapters.embeddings.factory import EmbedderSettings, make_embedder
from app.adapters.language_detection import LangidDetector
from app.adapters.parsers.pool import ParserPool
from app.adapters.prices import BundledPrices
from app.adapters.webhooks import HttpWebhookTransport
from app.core.change_waiter import ChangeWaiter
from app.core.clock import Clock, SystemClock
from app.core.database import Database, listen, open_database
from app.core.embedded import EmbeddedPostgres, Urls, start_embedded
from app.core.health import Health
from app.core.jobs import JobSpec
from app.core.logging import configure_logging
from app.core.ownership import OwnershipPolicy
from app.core.policies import Policies, PolicyModel, load_policies
from app.core.schema import SchemaCheck
from app.core.slo import SloPolicy
from app.core.storage import StorageCheck
from app.core.telemetry import configure_tracing, shutdown_tracing
from app.costs.domain import CostPolicy
from app.costs.service import Costs, make_price_table
from app.evaluation.domain.policy import QualityPolicy
from app.evaluation.jobs import job_specs as evaluation_jobs
from app.evaluation.service import (
    CanaryMonitor,
    CaseRunner,
    CorpusSync,
    Evaluations,
    LLMJudge,
    QualityPolicyFile,
    ReportAccess,
    SuiteFiles,
)
from app.governance.service import Approvals, AuditLog, Overview
from app.idempotency.service import IdempotencyKeys
from app.identity.domain import RateLimit
from app.identity.service import Identity
from app.inference.domain.answer import EXTRACTIVE
from app.inference.domain.grounding.answerability import Answerability
from app.inference.domain.human_review import ReviewPolicy
from app.inference.service import (
    ANSWER_DECIDED_CHANNEL,
    AnswerArchive,
    AnswerReplays,
    Answers,
    Delivery,
    Generation,
    HeldAnswers,
    LiveTraffic,
    LoadedReleases,
    Pipeline,
    ToolCalling,
    Trials,
)
from app.ingestion.domain.policy import DataPolicy
from app.ingestion.jobs import job_specs as ingestion_jobs
from app.ingestion.service import Ingestion
from app.ingestion.service.dependencies import IngestionDependencies
from app.llm.ports import ChatModel
from app.releases.domain import ENVIRONMENT_CHANGED, INDEX_SWITCHED, ModelStep, ReleaseInputs
from app.releases.service import Environments, LiveReleases, Releases, Rollouts, SigningSecret, read_code, read_prompts
from app.retrieval.ports import Embedder
from app.retrieval.service import Retrieval, make_retrieval
from app.review.jobs import job_specs as review_jobs
from app.review.service import Reviews
from app.safety.domain.policy import SecurityPolicy
from app.settings import Settings
from app.webhooks.jobs import job_specs as webhook_jobs
from app.webhooks.service import WebhookSender
from app.wiring.cost_setup import chat_models, make_costs
from app.wiring.release_loader import ReleaseLoader, released, step_of
from app.wiring.startup_checks import check_together

POLICIES: dict[str, type[PolicyModel]] = {
    "ownership": OwnershipPolicy,
    "slo": SloPolicy,
    "cost": CostPolicy,
    "security": SecurityPolicy,
    "data": DataPolicy,
    "quality": QualityPolicy,
    "review": ReviewPolicy,
    "actions": ActionPolicy,
}

REGISTRY: dict[str, Action] = {action.name: action for action in SHIPPED}
"""All actions by name; policies/actions.yaml says which of them may be proposed."""


@dataclass(frozen=True, repr=False)  # a repr of a task or handler that holds it would print everything
class State:
    """All services of a running process."""

    settings: Settings
    policies: Policies
    clock: Clock
    database: Database
    urls: Urls
    health: Health
    identity: Identity
    costs: Costs
    releases: Releases
    environments: Environments
    rollouts: Rollouts
    approvals: Approvals
    audit: AuditLog
    retrieval: Retrieval
    ingestion: Ingestion
    answers: Answers
    trials: Trials
    evaluations: Evaluations
    canaries: CanaryMonitor
    replays: AnswerReplays
    live_traffic: LiveTraffic
    idempotency_keys: IdempotencyKeys
    archive: AnswerArchive
    actions: Actions
    tickets: Tickets
    reviews: Reviews
    webhooks: WebhookSender

    @property
    def provided(self) -> dict[type, object]:
        """The services that routes may depend on, by type."""
        services = (
            self.settings,
            self.policies,
            self.database,
            self.health,
            self.identity,
            self.costs,
            self.releases,
            self.environments,
            self.rollouts,
            self.approvals,
            self.audit,
            self.governance,
            self.retrieval,
            self.ingestion,
            self.answers,
            self.evaluations,
            self.canaries,
            self.replays,
            self.idempotency_keys,
            self.archive,
            self.actions.catalogue,
            self.actions.proposals,
            self.tickets,
            self.reviews.queue,
            self.reviews.decisions,
            SigningSecret(self.settings.signing_secret),
        )
        return {type(each): each for each in services}

    @property
    def governance(self) -> Overview:
        return Overview(
            database=self.database,
            clock=self.clock,
            policies=self.policies,
            releases=self.releases,
            environments=self.environments,
            approvals=self.approvals,
            audit=self.audit,
            retrieval=self.retrieval,
            costs=self.costs,
            reports=self.evaluations,
            traces=self.settings.traces,
        )

    @property
    def jobs(self) -> list[JobSpec]:
        """The jobs that a worker runs."""
        lower = [*ingestion_jobs(self.ingestion), *action_jobs(self.actions.execution), *webhook_jobs(self.webhooks)]
        return [*lower, *evaluation_jobs(self.evaluations), *review_jobs(self.reviews.lifecycle)]

    def background(self) -> list[Awaitable[None]]:
        """The background tasks of a process; they run until it ends."""
        return [
            listen(self.database, INDEX_SWITCHED, self.retrieval.follow),
            listen(self.database, ENVIRONMENT_CHANGED, self.environments.follow),
            self.costs.budgets.watch(),
            self.costs.reservations.watch(),
            listen(self.database, ANSWER_DECIDED_CHANNEL, self.archive.waiting.follow),
            listen(self.database, ACTION_ENDED_CHANNEL, self.actions.proposals.waiting.follow),
        ]


def policies_of(settings: Settings) -> Policies:
    return load_policies(settings.root / "policies", POLICIES)


def check(settings: Settings) -> Policies:
    """The checks of a start that need neither models' weights nor the database. Errors: StartRefused."""
    policies = policies_of(settings)
    check_together(settings, policies, REGISTRY)
    read_prompts(settings.root / "prompts")
    make_price_table(policies.get(CostPolicy), chat_models(settings), BundledPrices(), SystemClock())
    return policies


def database_urls(settings: Settings) -> tuple[Urls, EmbeddedPostgres | None]:
    """The addresses of the database; starts the embedded server when DATABASE_URL is not set."""
    if settings.database_url is None:
        server = start_embedded(settings.data_dir)
        return server.urls(), server
    service = settings.database_url.get_secret_value()
    owner = settings.database_owner_url.get_secret_value() if settings.database_owner_url else service
    return Urls(service=service, owner=owner), None


def observe(settings: Settings) -> None:
    """Configures logs and traces; called first in every process."""
    configure_logging(settings.log_level, settings.log_format)
    configure_tracing(
        settings.traces,
        settings.trace_sample,
        settings.root.resolve().name,
        __version__,
        settings.otlp_endpoint,
        settings.service_name,
    )


def _embedders(settings: Settings) -> list[Embedder]:
    choice = EmbedderSettings(
        folder=settings.embedder_folder,
        threads=settings.embedder_threads,
        url=settings.embedder_url,
        model=settings.embedder_model,
        dimensions=settings.embedder_dimensions,
        key=settings.embedder_key,
    )
    kinds = dict.fromkeys(kind for kind in (settings.embedder, settings.embedder_next) if kind)
    return [make_embedder(kind, choice) for kind in kinds]


def _release_inputs(settings: Settings, policies: Policies, costs: Costs, retrieval: Retrieval) -> ReleaseInputs:
    return ReleaseInputs(
        code=read_code(Path(__file__).parent.parent, __version__),
        prompts=read_prompts(settings.root / "prompts"),
        chain=_steps(settings.model_chain),
        retrieval=retrieval.params.manifest(),
        policies=policies.contents,
        prices=costs.table.canonical,
        refused=costs.refused,
        settings={"deadline_seconds": policies.get(SloPolicy).deadline_seconds, **Answerability().manifest()},
        suites=b"".join(file.read_bytes() for file in sorted((settings.root / "evals").glob("*.jsonl"))),
    )


def _steps(choices: tuple[ModelChoice, ...]) -> tuple[ModelStep, ...]:
    return (*map(step_of, choices), ModelStep(provider="local", model=EXTRACTIVE))


@dataclass(frozen=True)
class Infrastructure:
    """The resources that all services share."""

    settings: Settings
    policies: Policies
    clock: Clock
    database: Database
    urls: Urls
    costs: Costs
    retrieval: Retrieval
    releases: Releases
    parser: ParserPool

    async def close(self) -> None:
        await self.parser.close()
        await self.retrieval.close()
        await self.database.close()
        shutdown_tracing()


async def _open_infrastructure(settings: Settings, urls: Urls, clock: Clock) -> Infrastructure:
    policies = policies_of(settings)
    check_together(settings, policies, REGISTRY)
    database = await open_database(urls.service, settings.database_pool)
    embedders = _embedders(settings)
    costs = await make_costs(settings, policies.get(CostPolicy), embedders, database, clock)
    retrieval = make_retrieval(database, clock, costs, embedders, settings.text_search)
    releases = Releases(_release_inputs(settings, policies, costs, retrieval), database, retrieval.indexes, clock)
    parser = ParserPool(processes=settings.worker_concurrency)
    return Infrastructure(settings, policies, clock, database, urls, costs, retrieval, releases, parser)


@asynccontextmanager
async def build(settings: Settings, urls: Urls, clock: Clock | None = None) -> AsyncIterator[State]:
    """Builds the state of a process, and closes it at the end. Errors: StartRefused."""
    infrastructure = await _open_infrastructure(settings, urls, clock or SystemClock())
    try:
        async with AsyncExitStack() as stack:
            state = await _build_services(infrastructure, stack)
            # Also on a signal: pending writes are finished and reservations released.
            stack.push_async_callback(state.costs.close)
            stack.push_async_callback(state.answers.close)
            yield state
    finally:
        await infrastructure.close()


async def _build_services(infra: Infrastructure, stack: AsyncExitStack) -> State:
    policies, database, clock = infra.policies, infra.database, infra.clock
    limits = policies.get(SecurityPolicy).limits
    release_loader = ReleaseLoader(infra.retrieval, clock, infra.settings.model_chain, stack)
    loaded_releases = LoadedReleases(release_loader.load)
    live_releases = LiveReleases(infra.releases, loaded_releases)
    approvals = Approvals(database, clock, infra.releases, policies.get(OwnershipPolicy), live_releases)
    rollouts = Rollouts.build(live_releases, approvals, infra.settings.environment == "development")
    environments = rollouts.environments
    identity = Identity(database, clock, infra.settings.pepper(), RateLimit(limits.requests_per_minute_per_key))
    waiting, offered = ChangeWaiter(clock), released(ActionPolicy, live_releases, loaded_releases, policies)
    actions = Actions.build(database, identity, REGISTRY, offered, waiting)
    pipeline = Pipeline(clock, infra.retrieval, infra.costs, Generation(ToolCalling(actions)))
    delivery = Delivery(database, pipeline, infra.costs)
    trials, live_traffic = Trials(database, infra.releases, loaded_releases, pipeline), LiveTraffic(database)
    data = released(DataPolicy, live_releases, loaded_releases, policies)
    security = released(SecurityPolicy, live_releases, loaded_releases, policies)
    parts = IngestionDependencies(database, infra.retrieval, infra.parser, LangidDetector(), data, security, clock)
    ingestion, quality, suites = (
        Ingestion(parts),
        policies.get(QualityPolicy),
        SuiteFiles(infra.settings.root / "evals"),
    )
    return State(
        settings=infra.settings,
        policies=policies,
        clock=clock,
        database=database,
        urls=infra.urls,
        health=_health(infra, environments, approvals),
        identity=identity,
        costs=infra.costs,
        releases=infra.releases,
        environments=environments,
        rollouts=rollouts,
        approvals=approvals,
        audit=AuditLog(database, clock),
        retrieval=infra.retrieval,
        ingestion=ingestion,
        answers=Answers(environments, loaded_releases, pipeline, delivery, limits.concurrent_answers),
        trials=trials,
        evaluations=_evaluations(
            infra, identity, ingestion, trials, environments, await release_loader.chat(quality.judge.model)
        ),
        canaries=CanaryMonitor(rollouts, live_traffic, infra.retrieval.indexes.tenants, quality.canary, clock),
        replays=AnswerReplays(database, trials),
        live_traffic=live_traffic,
        idempotency_keys=IdempotencyKeys(database),
        archive=AnswerArchive(database, clock, waiting),
        actions=actions,
        tickets=Tickets(database, clock),
        reviews=Reviews(database, HeldAnswers(), actions, policies.get(ReviewPolicy), suites),
        webhooks=WebhookSender(HttpWebhookTransport(), identity, lambda: security().webhooks, clock),
    )


def _health(infra: Infrastructure, environments: Environments, approvals: Approvals) -> Health:
    checks: dict[str, Callable[[], Awaitable[None]]] = {
        "database": infra.database.ping,
        "storage": StorageCheck(infra.database, infra.clock),
        "schema": SchemaCheck(infra.urls.service, infra.settings.root),
        "index": infra.retrieval.ready,
        "release": environments.ready,
    }
    return Health(checks, (approvals.notes, infra.costs.notes))


def _evaluations(
    infra: Infrastructure,
    identity: Identity,
    ingestion: Ingestion,
    trials: Trials,
    environments: Environments,
    judge: ChatModel | None,
) -> Evaluations:
    quality, suites = infra.policies.get(QualityPolicy), SuiteFiles(infra.settings.root / "evals")
    return Evaluations(
        infra.database,
        infra.clock,
        suites,
        CorpusSync(infra.settings.root, identity, ingestion, infra.retrieval),
        CaseRunner(infra.database, infra.clock, identity, infra.retrieval, trials),
        infra.releases,
        environments,
        QualityPolicyFile(quality, infra.policies.digests["quality"]),
        LLMJudge(infra.database, infra.clock, infra.costs, identity, suites, quality.judge, judge),
        ReportAccess(infra.database, identity, suites),
    )
