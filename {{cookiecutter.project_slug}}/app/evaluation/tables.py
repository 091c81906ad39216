from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from app.core.database import metadata

evaluation_reports = Table(
    "evaluation_reports",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("content", LargeBinary, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("sources", JSONB, nullable=False, server_default=text("'{}'")),
    CheckConstraint("digest = encode(sha256(content), 'hex')", name="digest_fits"),
)

evaluation_runs = Table(
    "evaluation_runs",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("release_id", Text, ForeignKey("releases.id"), nullable=False),
    Column("suite", Text, nullable=False),
    Column("suite_digest", Text, nullable=False),
    Column("baseline_id", Text, ForeignKey("releases.id")),
    Column("against", Text, ForeignKey("evaluation_reports.digest")),
    Column("actor", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("done", Integer, nullable=False),
    Column("total", Integer, nullable=False),
    Column("corpus", JSONB, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("ended_at", DateTime(timezone=True)),
    Column("report", Text, ForeignKey("evaluation_reports.digest")),
    Column("verdict", Text),
    Column("problem", Text),
    CheckConstraint("status in ('queued', 'running', 'done', 'failed')", name="status"),
    CheckConstraint("verdict in ('PASS', 'FAIL', 'INCONCLUSIVE')", name="verdict"),
    CheckConstraint("(status in ('done', 'failed')) = (ended_at is not null)", name="ended"),
    CheckConstraint("(status = 'done') = (report is not null and verdict is not null)", name="proven"),
    CheckConstraint("(status = 'failed') = (problem is not null)", name="explained"),
    Index("ix_evaluation_runs_created_at", "created_at", "id"),
)

evaluation_opinions = Table(
    "evaluation_opinions",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("judge", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    Column("good", Boolean),
    Column("at", DateTime(timezone=True), nullable=False),
)

evaluation_results = Table(
    "evaluation_results",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("release_id", Text, ForeignKey("releases.id"), primary_key=True),
    Column("case_digest", Text, primary_key=True),
    Column("corpus_version", Integer, primary_key=True, autoincrement=False),
    Column("observed", JSONB, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
)
