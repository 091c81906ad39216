from sqlalchemy import CheckConstraint, Column, ForeignKey, ForeignKeyConstraint, Index, Table
from sqlalchemy.types import ARRAY, Boolean, Float, Integer, LargeBinary, Numeric, SmallInteger, Text, Uuid

from app.core.columns import Timestamp, optional, primary_key, required
from app.core.database import metadata

error_budget_exceptions = Table(
    "error_budget_exceptions",
    metadata,
    *primary_key(id=Uuid),
    Column("release_id", Text, ForeignKey("releases.id"), nullable=False),
    *required(kind=Text, actor=Text, reason=Text, at=Timestamp, expires_at=Timestamp),
    CheckConstraint("kind in ('fix', 'override')", name="kind"),
    CheckConstraint("actor <> '' and reason <> ''", name="named"),
    CheckConstraint("expires_at > at", name="ends"),
)
Index("ix_error_budget_exceptions_release_id", error_budget_exceptions.c.release_id, error_budget_exceptions.c.at)

monitoring_runs = Table(
    "monitoring_runs",
    metadata,
    *primary_key(tenant_id=Uuid, kind=Text),
    *required(started_at=Timestamp),
    *optional(finished_at=Timestamp),
    CheckConstraint("kind in ('failures', 'drift', 'health')", name="kind"),
)

question_vectors = Table(
    "question_vectors",
    metadata,
    *primary_key(tenant_id=Uuid, answer_id=Uuid),
    *required(embedder=Text, vector=LargeBinary),
    ForeignKeyConstraint(["tenant_id", "answer_id"], ["answers.tenant_id", "answers.id"]),
)

failure_patterns = Table(
    "failure_patterns",
    metadata,
    *primary_key(tenant_id=Uuid, id=Uuid),
    *required(found_at=Timestamp, rank=SmallInteger, reason=Text, rule=Text, step=Text, degraded=Boolean),
    *required(language=Text, answers=ARRAY(Uuid), failures=Integer, before=Integer, harm=Float, growth=Float),
    *required(mixed=Boolean),
    Index("ix_failure_patterns_by_rank", "tenant_id", "found_at", "rank"),
)

case_candidates = Table(
    "case_candidates",
    metadata,
    *primary_key(tenant_id=Uuid, answer_id=Uuid),
    *required(reason=Text, note=Text, proposed_by=Text, proposed_at=Timestamp),
    ForeignKeyConstraint(["tenant_id", "answer_id"], ["answers.tenant_id", "answers.id"]),
)

business_outcomes = Table(
    "business_outcomes",
    metadata,
    *primary_key(tenant_id=Uuid, answer_id=Uuid, outcome=Text),
    *required(amount=Numeric(14, 4), at=Timestamp, reported_at=Timestamp, reported_by=Uuid),
    ForeignKeyConstraint(["tenant_id", "answer_id"], ["answers.tenant_id", "answers.id"]),
    CheckConstraint("amount > 0", name="amount"),
)

online_evaluations = Table(
    "online_evaluations",
    metadata,
    *primary_key(tenant_id=Uuid, answer_id=Uuid),
    *required(answered_at=Timestamp, at=Timestamp, stratum=Text, rate=Float, decision=Text, reason=Text),
    *optional(groundedness=Float, citation_precision=Float, safety=Float, judge=Float),
    ForeignKeyConstraint(["tenant_id", "answer_id"], ["answers.tenant_id", "answers.id"]),
    CheckConstraint("decision in ('scored', 'skipped')", name="decision"),
    CheckConstraint("reason <> ''", name="reasoned"),
    Index("ix_online_evaluations_by_time", "tenant_id", "answered_at"),
)

alert_notices = Table(
    "alert_notices",
    metadata,
    *primary_key(fingerprint=Text, state=Text, starts_at=Timestamp),
    *required(alert=Text, at=Timestamp),
    CheckConstraint("state in ('firing', 'resolved')", name="state"),
)

drift_references = Table(
    "drift_references",
    metadata,
    *primary_key(tenant_id=Uuid, pinned_at=Timestamp),
    *required(since=Timestamp, until=Timestamp),
    *optional(release_id=Text),
    CheckConstraint("since < until", name="period"),
)

drift_checks = Table(
    "drift_checks",
    metadata,
    *primary_key(tenant_id=Uuid, id=Uuid),
    *required(at=Timestamp, signal=Text, p=Float, alpha=Float, effect=Float, reference=Integer, window=Integer),
    *required(drifted=Boolean, examples=ARRAY(Uuid)),
    Index("ix_drift_checks_by_signal", "tenant_id", "signal", "at"),
)

data_health_signals = Table(
    "data_health_signals",
    metadata,
    *primary_key(tenant_id=Uuid, id=Uuid),
    *required(signal=Text, subject=Text, value=Float, usual=Float, unhealthy=Boolean, examples=ARRAY(Uuid)),
)
