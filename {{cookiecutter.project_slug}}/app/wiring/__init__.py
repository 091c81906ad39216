"""Builds the services with their adapters. `build` yields the State that the API, worker and command line use."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

from app.actions.domain import ActionPolicy
from app.actions.service import ActionRegistry, Actions, ExternalActions, Tickets
from app.adapters.deferred_webhooks import DeferredWebhookTransport
from app.adapters.language_detection import LangidDetector
from app.adapters.screening.deferred import DeferredClassifier
from app.core.brownout import Brownout
from app.core.change_waiter import ChangeWaiter
from app.core.clock import Clock, SystemClock
from app.core.embedded import Urls
from app.core.health import CachedCheck, Health
from app.core.notifications import notification_check
from app.core.ownership import OwnershipPolicy
from app.core.schema import SchemaCheck
from app.core.slo import SloPolicy
from app.core.storage import storage_check
from app.core.template_record import TemplateRecord
from app.evaluation.domain.policy import QualityPolicy
from app.evaluation.service import (
    CanaryMonitor,
    CaseRunner,
    CorpusSync,
    Evaluations,
    QualityPolicyFile,
    ReportAccess,
)
from app.governance.service import Approvals
from app.governance.service.readiness_gate import ReadinessGate
from app.idempotency.service import IdempotencyKeys
from app.identity.service import Identity
from app.inference.domain.human_review import ReviewPolicy
from app.inference.service import (
    AnswerArchive,
    AnswerReplays,
    Answers,
    Contextualization,
    Conversations,
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
from app.ingestion.service import Ingestion
from app.ingestion.service.dependencies import IngestionDependencies
from app.llm.ports import ChatModel
from app.privacy.service import Privacy
from app.releases.service import Environments, LiveReleases, Rollouts
from app.review.service import Reviews
from app.safety.domain.personal_data import PersonalDataProtection
from app.safety.domain.policy import SecurityPolicy
from app.safety.domain.privacy_policy import PrivacyPolicy
from app.safety.service import Screening
from app.settings import Settings
from app.setup.process import database_urls, observe
from app.setup.release_check import ReleaseCheck, protection_of
from app.webhooks.service import WebhookSender
from app.wiring.extensions import load_extensions
from app.wiring.identity_setup import make_identity
from app.wiring.infrastructure import (
    POLICIES,
    REGISTRY,
    Infrastructure,
    check,
    open_infrastructure,
    registry,
)
from app.wiring.mcp_setup import make_external_actions
from app.wiring.monitoring_setup import make_approvals, make_judge, make_monitoring
from app.wiring.readiness_setup import make_readiness
from app.wiring.release_loader import ReleaseLoader, also_served, released
from app.wiring.state import State

__all__ = ["POLICIES", "REGISTRY", "State", "build", "check", "database_urls", "load_extensions", "observe"]


RESTORED_SECONDS = 60.0
"""How long it counts that the database is not older than an erasure."""


@asynccontextmanager
async def build(
    settings: Settings, urls: Urls, clock: Clock | None = None, wait_seconds: float | None = None
) -> AsyncIterator[State]:
    """Builds the state of a process, and closes it at the end. wait_seconds: see `open_database`.

    Errors: StartRefused.
    """
    infrastructure = await open_infrastructure(settings, urls, clock or SystemClock(), wait_seconds)
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


def _pipeline(infra: Infrastructure, actions: Actions, screening: Screening, conversations: Conversations) -> Pipeline:
    generation, contextualization = Generation(ToolCalling(actions)), Contextualization(conversations, screening)
    return Pipeline(infra.clock, infra.search, infra.costs, generation, screening, contextualization)


async def _build_services(infra: Infrastructure, stack: AsyncExitStack) -> State:
    policies, database, clock = infra.policies, infra.database, infra.clock
    release_loader = _release_loader(infra, stack)
    loaded_releases = LoadedReleases(release_loader.load)
    live_releases = LiveReleases(infra.releases, loaded_releases)
    approvals, identity = make_approvals(infra, live_releases), make_identity(infra)
    rollouts = Rollouts.build(live_releases, approvals, infra.settings.environment == "development")
    environments, screening, waiting = rollouts.environments, _screening(infra.settings), ChangeWaiter(clock)
    external, actions = _actions(infra, identity, live_releases, loaded_releases, waiting)
    pipeline = _pipeline(infra, actions, screening, Conversations(database))
    trials = Trials(database, infra.releases, loaded_releases, pipeline)
    ingestion = _ingestion(infra, live_releases, loaded_releases, screening)
    privacy, quality = _privacy(infra, identity, ingestion), policies.get(QualityPolicy)
    judge = await release_loader.chat(quality.judge.model, protection_of(policies))
    evaluations = _evaluations(infra, identity, ingestion, trials, environments, judge)
    readiness = make_readiness(infra, environments, approvals, evaluations)
    gate, percent = ReadinessGate(approvals, readiness), quality.canary.percent
    rollouts = replace(rollouts, approval_gate=gate, canary_percent=percent)
    webhooks = _webhooks(infra, identity, released(SecurityPolicy, live_releases, loaded_releases, policies))
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
        readiness=readiness,
        retrieval=infra.retrieval,
        search=infra.search,
        ingestion=ingestion,
        answers=_answers(infra, environments, loaded_releases, pipeline),
        trials=trials,
        evaluations=evaluations,
        canaries=CanaryMonitor(rollouts, LiveTraffic(database), infra.retrieval.indexes.tenants, quality.canary, clock),
        replays=AnswerReplays(database, trials, Conversations(database)),
        idempotency_keys=IdempotencyKeys(database),
        archive=AnswerArchive(database, clock, waiting),
        actions=actions,
        external_actions=external,
        tickets=Tickets(database, clock),
        reviews=_reviews(infra, actions),
        privacy=privacy,
        monitoring=make_monitoring(infra, approvals, identity, screening, judge, webhooks, ingestion),
        webhooks=webhooks,
    )


def _actions(
    infra: Infrastructure,
    identity: Identity,
    live_releases: LiveReleases,
    loaded_releases: LoadedReleases,
    waiting: ChangeWaiter,
) -> tuple[ExternalActions, Actions]:
    offered = released(ActionPolicy, live_releases, loaded_releases, infra.policies)
    others = also_served(ActionPolicy, live_releases, loaded_releases)
    external = make_external_actions(infra.settings, offered, others)
    actions = ActionRegistry(registry(), external)
    return external, Actions.build(infra.database, identity, actions, offered, waiting)


def _release_loader(infra: Infrastructure, stack: AsyncExitStack) -> ReleaseLoader:
    check = ReleaseCheck(infra.retrieval.indexes, infra.settings.model_chain)
    return ReleaseLoader(check, infra.clock, stack, outbound=infra.settings.outbound)


def _webhooks(infra: Infrastructure, identity: Identity, security: Callable[[], SecurityPolicy]) -> WebhookSender:
    transport = DeferredWebhookTransport(infra.settings.outbound)
    return WebhookSender(transport, identity, lambda: security().webhooks, infra.clock)


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
        "notifications": notification_check(infra.database, infra.clock),
        "storage": storage_check(infra.database, infra.clock),
        "schema": SchemaCheck(infra.urls.service, infra.settings.root, infra.urls.session),
        "index": infra.retrieval.ready,
        "release": environments.ready,
        "erasures": CachedCheck(privacy.refuse_restored, infra.clock, RESTORED_SECONDS),
    }
    if infra.remote_search:
        checks["retrieval"] = infra.remote_search.ready
    template = TemplateRecord.of(infra.settings.root).version
    return Health(checks, (approvals.notes, infra.costs.notes), template)


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
        make_judge(infra, identity, judge),
        ReportAccess(infra.database, identity, suites),
    )
