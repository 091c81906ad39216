"""What the checks of readiness judge, gathered from one source each. A source that fails makes its checks red."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from app.core.operations import OperationRun
from app.core.ownership import OwnershipPolicy
from app.governance.domain.readiness.statements import ReadinessStatement


@dataclass(frozen=True, slots=True)
class CorpusFacts:
    """documents: published ones by source. listed: sources with rules of their own. unknown: what happens to others.
    waiting: documents in quarantine that nobody decided, with the time of the oldest.
    """

    documents: Mapping[str, int]
    newest: datetime | None
    listed: tuple[str, ...]
    unknown: str
    waiting: int
    oldest_waiting: datetime | None


@dataclass(frozen=True, slots=True)
class DataHealthFacts:
    """tenants: with documents. unchecked: of these, without any check of their data. oldest: of the newest check of
    each. unhealthy: how many tenants, by signal.
    """

    tenants: int
    unchecked: int
    oldest: datetime | None
    unhealthy: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class TrafficFacts:
    """Answers of the last days in production. p95_ms: None without any. rated: feedback and the time of the newest.
    charged: answers with a line in the ledger.
    """

    answers: int
    p95_ms: float | None
    objective_ms: int
    charged: int
    rated: int
    newest_rating: datetime | None


@dataclass(frozen=True, slots=True)
class QueueFacts:
    """Review items that are past their due time and not decided."""

    open: int
    overdue: int
    oldest_due: datetime | None


@dataclass(frozen=True, slots=True)
class KeyFact:
    prefix: str
    name: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class CallerFacts:
    """keys: those that are valid now. reviewers: names of people who may decide reviews. needed: how many there must
    be at least.
    """

    keys: tuple[KeyFact, ...]
    reviewers: tuple[str, ...]
    needed: int


@dataclass(frozen=True, slots=True)
class LiveReleaseState:
    """The live release. staged_at: when it was on staging before it went live. lacking: what its approval lacks."""

    id: str
    number: int
    live_since: datetime
    staged_at: datetime | None
    models: tuple[str, ...]
    differs: tuple[str, ...]
    verdict: str | None
    report: str | None
    evaluated_at: datetime | None
    lacking: str | None
    approvers: tuple[str, ...]
    author: str
    index_serves: bool
    index: str


@dataclass(frozen=True, slots=True)
class RolloutFacts:
    """live: None while nothing is live. earlier: an approved release that a rollback would go to."""

    live: LiveReleaseState | None
    staging_moved_at: datetime | None
    rehearsed_at: datetime | None
    rehearsal_seconds: float | None
    earlier: str | None
    overdue_emergencies: int


@dataclass(frozen=True, slots=True)
class SuiteFacts:
    """Numbers of cases. own: golden cases about other documents than the pages of this handbook."""

    golden: int
    own: int
    red_team: int
    digest: str


@dataclass(frozen=True, slots=True)
class IsolationFacts:
    """tables: those with tenants' rows. unguarded: of these, without forced row-level security or without a policy that
    compares the tenant. bypasses: the service's own role is not bound by it.
    """

    tables: int
    unguarded: tuple[str, ...]
    bypasses: bool


@dataclass(frozen=True, slots=True)
class SpendingFacts:
    """In micro-dollars of this month. limit: None without a budget. ledger, committed: what the ledger adds up to and
    what the budgets counted. unpriced: models without a price.
    """

    limit: int | None
    ledger: int
    committed: int
    held: int
    prices: str
    unpriced: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MonitoringFacts:
    """stale: generated files that differ from what policies/slo.yaml gives. traces: where they go."""

    stale_rules: tuple[str, ...]
    stale_dashboards: tuple[str, ...]
    files: int
    traces: str
    digest: str


@dataclass(frozen=True, slots=True)
class AuditFacts:
    whole: bool
    summary: str
    head: str


@dataclass(frozen=True, slots=True)
class ProbeFacts:
    """What the controls of this process do with a sample that they must stop; each says what it did, None: nothing."""

    damaged_document: str | None
    injected_document: str | None
    irreversible_action: str | None


@dataclass(frozen=True, slots=True)
class SecretFacts:
    """missing: secrets that are not set, so that this process made them up."""

    environment: str
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OwnershipFacts:
    policy: OwnershipPolicy
    digest: str


@dataclass(frozen=True, slots=True)
class RunFacts:
    """The newest run of each kind of operation, by kind."""

    runs: Mapping[str, OperationRun]


@dataclass(frozen=True, slots=True)
class AttestationFacts:
    """statements: the valid attestations by check. subjects: the digest of what each is about, as of now."""

    statements: Mapping[str, ReadinessStatement]
    subjects: Mapping[str, str]
