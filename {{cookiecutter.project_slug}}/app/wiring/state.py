"""The services of a process, and what it does by itself."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from app.actions.jobs import job_specs as action_jobs
from app.actions.service import ACTION_ENDED_CHANNEL, Actions, ExternalActions, Tickets
from app.adapters.mcp.deferred_server import DeferredTransport
from app.core.background import BackgroundJob
from app.core.clock import Clock
from app.core.database import Database, listen
from app.core.embedded import Urls
from app.core.health import Health
from app.core.jobs import JobSpec
from app.core.ownership import OwnershipPolicy
from app.core.policies import Policies
from app.costs.domain import BUDGET_CHANGED
from app.costs.service import Costs
from app.evaluation.jobs import job_specs as evaluation_jobs
from app.evaluation.service import (
    CanaryMonitor,
    Evaluations,
)
from app.governance.service import Approvals, AuditLog, Overview, Readiness
from app.idempotency.service import IdempotencyKeys
from app.identity.domain import IDENTITY_CHANGED
from app.identity.service import Identity
from app.inference.service import (
    ANSWER_DECIDED_CHANNEL,
    AnswerArchive,
    AnswerListing,
    AnswerReplays,
    Answers,
    Conversations,
    LiveTraffic,
    Trials,
)
from app.ingestion.jobs import job_specs as ingestion_jobs
from app.ingestion.service import Ingestion
from app.mcp.ports import ToolTransport
from app.monitoring.service import Monitoring
from app.privacy.jobs import job_specs as privacy_jobs
from app.privacy.service import Privacy
from app.releases.domain import ENVIRONMENT_CHANGED, INDEX_SWITCHED
from app.releases.service import Environments, Releases, Rollouts, SigningSecret
from app.retrieval.ports import PassageSearch
from app.retrieval.service.live_search import LiveSearch
from app.retrieval.service.retrieval import Retrieval
from app.review.jobs import job_specs as review_jobs
from app.review.service import Reviews
from app.settings import Settings
from app.setup.rooms import RoomAlone
from app.webhooks.jobs import job_specs as webhook_jobs
from app.webhooks.service import WebhookSender
from app.wiring.extensions import Extensions, load_extensions
from app.wiring.mcp_setup import tool_services

SEARCH_CHECKS = ("index", "retrieval")


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
    readiness: Readiness
    retrieval: Retrieval
    search: PassageSearch
    ingestion: Ingestion
    answers: Answers
    trials: Trials
    evaluations: Evaluations
    canaries: CanaryMonitor
    replays: AnswerReplays
    idempotency_keys: IdempotencyKeys
    archive: AnswerArchive
    actions: Actions
    external_actions: ExternalActions
    tickets: Tickets
    reviews: Reviews
    privacy: Privacy
    monitoring: Monitoring
    webhooks: WebhookSender

    @property
    def extensions(self) -> Extensions:
        """What the team adds; it is read once in a process."""
        return load_extensions()

    @property
    def live_traffic(self) -> LiveTraffic:
        return self.canaries.traffic

    @property
    def governance(self) -> Overview:
        return self.readiness.sources.overview

    @property
    def approvals(self) -> Approvals:
        return self.governance.approvals

    @property
    def audit(self) -> AuditLog:
        return self.governance.audit

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
            *self.monitoring.services,
            self.audit,
            self.governance,
            self.readiness,
            self.retrieval,
            self.live_search,
            self.ingestion,
            self.answers,
            self.evaluations,
            self.canaries,
            self.replays,
            self.idempotency_keys,
            self.archive,
            self.answer_listing,
            self.conversations,
            self.actions.catalogue,
            self.actions.proposals,
            self.tickets,
            self.reviews.queue,
            self.reviews.decisions,
            self.privacy,
            SigningSecret(self.settings.signing_secret),
            *tool_services(self.settings, self.database, self.answers, self.idempotency_keys, self.live_search),
        )
        tools: dict[type, object] = {ToolTransport: DeferredTransport(self.policies.get(OwnershipPolicy).service)}
        return {type(each): each for each in services} | {PassageSearch: self.search} | tools

    @property
    def live_search(self) -> LiveSearch:
        return LiveSearch(self.search, self.retrieval, self.environments)

    @property
    def conversations(self) -> Conversations:
        return self.replays.conversations

    @property
    def answer_listing(self) -> AnswerListing:
        return AnswerListing(self.database, self.identity, self.releases)

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
    def sweeps_by_room(self) -> dict[str, Sequence[BackgroundJob]]:
        """What a worker does by itself, until it ends."""
        return {
            "evaluation": (self.canaries.watch,),
            "review": (self.reviews.lifecycle.watch,),
            "monitoring": (self.monitoring.upkeep.watch, self.monitoring.online.watch),
            "privacy": (self.privacy.upkeep.watch,),
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
            BUDGET_CHANGED: self.costs.reservations.follow,
            ANSWER_DECIDED_CHANNEL: self.archive.waiting.follow,
            ACTION_ENDED_CHANNEL: self.actions.proposals.waiting.follow,
        }
        listeners = [partial(listen, self.database, channel, follow) for channel, follow in followers.items()]
        return [
            *listeners,
            self.identity.last_use.watch,
            self.costs.budgets.watch,
            self.costs.reservations.watch,
            self.external_actions.watch,
        ]
