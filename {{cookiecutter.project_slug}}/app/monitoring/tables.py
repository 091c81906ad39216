from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, Table
from sqlalchemy.types import ARRAY, Boolean, Float, Integer, LargeBinary, SmallInteger, Text, Uuid

from app.core.columns import Timestamp, primary_key, required
from app.core.database import metadata

monitoring_runs = Table(
    "monitoring_runs",
    metadata,
    *primary_key(tenant_id=Uuid, kind=Text),
    *required(started_at=Timestamp),
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

drift_references = Table(
    "drift_references",
    metadata,
    *primary_key(tenant_id=Uuid, pinned_at=Timestamp),
    *required(since=Timestamp, until=Timestamp),
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
