"""Builds the services with their adapters. `build` yields the State that the API, worker and command line use."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial

from app.actions.domain import ActionPolicy
from app.actions.jobs import job_specs as action_jobs
from app.actions.service import ACTION_ENDED_CHANNEL, Actions, Tickets
from app.adapters.deferred_webhooks import DeferredWebhookTransport
from app.adapters.language_detection import LangidDetector
from app.adapters.screening.deferred import DeferredClassifier
from app.core.brownout import Brownout
from app.core.change_waiter import ChangeWaiter
from app.core.clock import Clock, SystemClock
from app.core.database import BackgroundJob, Database, listen
from app.core.embedded import Urls
from app.core.health import CachedCheck, Health
from app.core.jobs import JobSpec
from app.core.notifications import NotificationCheck
from app.core.ownership import OwnershipPolicy
from app.core.policies import Policies
from app.core.schema import SchemaCheck
from app.core.slo import SloPolicy
from app.core.storage import StorageCheck
from app.costs.service import Costs
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
)
from app.governance.service import Approvals, AuditLog, Overview
from app.idempotency.service import IdempotencyKeys
from app.identity.domain import IDENTITY_CHANGED
from app.identity.service import Identity
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
from app.monitoring.service import Monitoring
from app.privacy.jobs import job_specs as privacy_jobs
from app.privacy.service import Privacy
from app.releases.domain import ENVIRONMENT_CHANGED, INDEX_SWITCHED
from app.releases.service import Environments, LiveReleases, Releases, Rollouts, SigningSecret
from app.retrieval.ports import PassageSearch
from app.retrieval.service.retrieval import Retrieval
from app.review.jobs import job_specs as review_jobs
from app.review.service import Reviews
from app.safety.domain.personal_data import PersonalDataProtection
from app.safety.domain.policy import SecurityPolicy
from app.safety.domain.privacy_policy import PrivacyPolicy
from app.safety.service import Screening
from app.settings import Settings
from app.setup.process import database_urls, observe
from app.setup.release_check import ReleaseCheck, protection_of
from app.setup.rooms import RoomAlone
from app.webhooks.jobs import job_specs as webhook_jobs
from app.webhooks.service import WebhookSender
from app.wiring.identity_setup import make_identity
from app.wiring.infrastructure import (
    POLICIES,
    REGISTRY,
    Infrastructure,
    check,
    open_infrastructure,
)
from app.wiring.monitoring_setup import make_monitoring
from app.wiring.release_loader import ReleaseLoader, released

__all__ = ["POLICIES", "REGISTRY", "State", "build", "check", "database_urls", "observe"]


SEARCH_CHECKS = ("index", "retrieval")
RESTORED_SECONDS = 60.0
"""How long it counts that the database is not older than an erasure."""


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
    search: PassageSearch
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
    privacy: Privacy
    monitoring: Monitoring
    webhooks: WebhookSender

    @property
    def provided(self) -> dict[type, object]:
        """The services that routes may depend on, by type."""
        services = (
            self.settings,
            self.policies,
            self.database,
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
            self.privacy,
            self.monitoring.failures,
            self.monitoring.drift,
            self.monitoring.cases,
            SigningSecret(self.settings.signing_secret),
        )
        return {type(each): each for each in services} | {PassageSearch: self.search}

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
        return [spec for specs in self.jobs_by_room.values() for spec in specs]

    @property
    def jobs_by_room(self) -> dict[str, list[JobSpec]]:
        return {
            "ingestion": ingestion_jobs(self.ingestion),
            "actions": action_jobs(self.actions.execution),
            "webhooks": webhook_jobs(self.webhooks),
            "evaluation": evaluation_jobs(self.evaluations),
            "review": review_jobs(self.reviews.lifecycle),
            "privacy": privacy_jobs(self.privacy),
        }

    @property
    def sweeps_by_room(self) -> dict[str, BackgroundJob]:
        """What a worker does by itself, until it ends."""
        return {
            "evaluation": self.canaries.watch,
            "review": self.reviews.lifecycle.watch,
            "monitoring": self.monitoring.upkeep.watch,
            "privacy": self.privacy.upkeep.watch,
        }

    def health_of(self, room: RoomAlone) -> Health:
        """The checks of a process: those of the search where it searches."""
        skipped = () if room.searches else SEARCH_CHECKS
        return replace(self.health, checks={n: c for n, c in self.health.checks.items() if n not in skipped})

    def background(self) -> list[BackgroundJob]:
        """The background jobs of a process; they run until it ends."""
        followers: dict[str, Callable[[str], Awaitable[None]]] = {
            INDEX_SWITCHED: self.retrieval.follow,
            ENVIRONMENT_CHANGED: self.environments.follow,
            IDENTITY_CHANGED: self.identity.follow,
            ANSWER_DECIDED_CHANNEL: self.archive.waiting.follow,
            ACTION_ENDED_CHANNEL: self.actions.proposals.waiting.follow,
        }
        listeners = [partial(listen, self.database, channel, follow) for channel, follow in followers.items()]
        return [
            *listeners,
            self.identity.last_use.watch,
            self.costs.budgets.watch,
            self.costs.reservations.watch,
        ]


@asynccontextmanager
async def build(settings: Settings, urls: Urls, clock: Clock | None = None) -> AsyncIterator[State]:
    """Builds the state of a process, and closes it at the end. Errors: StartRefused."""
    infrastructure = await open_infrastructure(settings, urls, clock or SystemClock())
    try:
        async with AsyncExitStack() as stack:
            state = await _build_services(infrastructure, stack)
            # Also on a signal: pending writes are finished and reservations released.
            stack.push_async_callback(state.costs.close)
            stack.push_async_callback(state.answers.close)
            stack.push_async_callback(state.identity.last_use.flush_or_log)
            yield state
    finally:
        await infrastructure.close()


def _screening(settings: Settings) -> Screening:
    return Screening(DeferredClassifier() if settings.injection_classifier else None)


async def _build_services(infra: Infrastructure, stack: AsyncExitStack) -> State:
    policies, database, clock = infra.policies, infra.database, infra.clock
    release_loader = ReleaseLoader(ReleaseCheck(infra.retrieval.indexes, infra.settings.model_chain), clock, stack)
    loaded_releases = LoadedReleases(release_loader.load)
    live_releases = LiveReleases(infra.releases, loaded_releases)
    approvals = Approvals(database, clock, infra.releases, policies.get(OwnershipPolicy), live_releases)
    rollouts = Rollouts.build(live_releases, approvals, infra.settings.environment == "development")
    environments = rollouts.environments
    identity = make_identity(infra.settings, policies, database, clock)
    waiting, offered = ChangeWaiter(clock), released(ActionPolicy, live_releases, loaded_releases, policies)
    actions = Actions.build(database, identity, REGISTRY, offered, waiting)
    screening = _screening(infra.settings)
    pipeline = Pipeline(clock, infra.search, infra.costs, Generation(ToolCalling(actions)), screening)
    trials, live_traffic = Trials(database, infra.releases, loaded_releases, pipeline), LiveTraffic(database)
    security = released(SecurityPolicy, live_releases, loaded_releases, policies)
    ingestion = _ingestion(infra, live_releases, loaded_releases, screening)
    privacy, quality = _privacy(infra, identity, ingestion), policies.get(QualityPolicy)
    judge = await release_loader.chat(quality.judge.model, protection_of(policies))
    return State(
        settings=infra.settings,
        policies=policies,
        clock=clock,
        database=database,
        urls=infra.urls,
        health=_health(infra, environments, approvals, privacy),
        identity=identity,
        costs=infra.costs,
        releases=infra.releases,
        environments=environments,
        rollouts=rollouts,
        approvals=approvals,
        audit=AuditLog(database, clock),
        retrieval=infra.retrieval,
        search=infra.search,
        ingestion=ingestion,
        answers=_answers(infra, environments, loaded_releases, pipeline),
        trials=trials,
        evaluations=_evaluations(infra, identity, ingestion, trials, environments, judge),
        canaries=CanaryMonitor(rollouts, live_traffic, infra.retrieval.indexes.tenants, quality.canary, clock),
        replays=AnswerReplays(database, trials),
        live_traffic=live_traffic,
        idempotency_keys=IdempotencyKeys(database),
        archive=AnswerArchive(database, clock, waiting),
        actions=actions,
        tickets=Tickets(database, clock),
        reviews=_reviews(infra, actions),
        privacy=privacy,
        monitoring=make_monitoring(infra),
        webhooks=WebhookSender(DeferredWebhookTransport(), identity, lambda: security().webhooks, clock),
    )


def _ingestion(
    infra: Infrastructure, live_releases: LiveReleases, loaded_releases: LoadedReleases, screening: Screening
) -> Ingestion:
    """Processes documents by the policies of the live release."""
    policies = infra.policies
    privacy = released(PrivacyPolicy, live_releases, loaded_releases, policies)
    ownership = released(OwnershipPolicy, live_releases, loaded_releases, policies)

    def protection() -> PersonalDataProtection:
        return PersonalDataProtection(privacy().personal_data, ownership().data_sensitivity)

    return Ingestion(
        IngestionDependencies(
            database=infra.database,
            retrieval=infra.retrieval,
            parser=infra.parser,
            languages=LangidDetector(),
            data_policy=released(DataPolicy, live_releases, loaded_releases, policies),
            security_policy=released(SecurityPolicy, live_releases, loaded_releases, policies),
            personal_data_protection=protection,
            clock=infra.clock,
            screening=screening,
            keys=infra.keys,
        )
    )


def _answers(
    infra: Infrastructure, environments: Environments, loaded_releases: LoadedReleases, pipeline: Pipeline
) -> Answers:
    delivery = Delivery(infra.database, pipeline, infra.costs)
    at_once = infra.policies.get(SecurityPolicy).limits.concurrent_answers
    brownout = Brownout(infra.policies.get(SloPolicy).overload.brownout)
    return Answers(environments, loaded_releases, pipeline, delivery, at_once, brownout)


def _health(infra: Infrastructure, environments: Environments, approvals: Approvals, privacy: Privacy) -> Health:
    checks: dict[str, Callable[[], Awaitable[None]]] = {
        "database": infra.database.ping,
        "notifications": NotificationCheck(infra.database, infra.clock),
        "storage": StorageCheck(infra.database, infra.clock),
        "schema": SchemaCheck(infra.urls.service, infra.settings.root, infra.urls.session),
        "index": infra.retrieval.ready,
        "release": environments.ready,
        "erasures": CachedCheck(privacy.refuse_restored, infra.clock, RESTORED_SECONDS),
    }
    if infra.remote_search:
        checks["retrieval"] = infra.remote_search.ready
    return Health(checks, (approvals.notes, infra.costs.notes))


def _privacy(infra: Infrastructure, identity: Identity, ingestion: Ingestion) -> Privacy:
    rules = infra.policies.get(PrivacyPolicy).retention
    file = infra.settings.tombstones or infra.settings.data_dir / "tombstones.jsonl"
    return Privacy.build(infra.database, infra.clock, infra.keys, identity, ingestion, infra.suites, rules, file)


def _reviews(infra: Infrastructure, actions: Actions) -> Reviews:
    policies = infra.policies
    rules = policies.get(PrivacyPolicy).personal_data
    return Reviews(
        infra.database, HeldAnswers(), actions, policies.get(ReviewPolicy), infra.suites, personal_data=rules
    )


def _evaluations(
    infra: Infrastructure,
    identity: Identity,
    ingestion: Ingestion,
    trials: Trials,
    environments: Environments,
    judge: ChatModel | None,
) -> Evaluations:
    quality, suites = infra.policies.get(QualityPolicy), infra.suites
    return Evaluations(
        infra.database,
        infra.clock,
        suites,
        CorpusSync(infra.settings.root, identity, ingestion, infra.retrieval),
        CaseRunner(infra.database, infra.clock, identity, infra.search, trials),
        infra.releases,
        environments,
        QualityPolicyFile(quality, infra.policies.digests["quality"]),
        LLMJudge(infra.database, infra.clock, infra.costs, identity, suites, quality.judge, judge),
        ReportAccess(infra.database, identity, suites),
    )
