from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Table, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import Boolean, Integer, LargeBinary, Text, Uuid

from app.core.columns import Timestamp, one_of, optional, primary_key, required
from app.core.database import metadata

evaluation_reports = Table(
    "evaluation_reports",
    metadata,
    *primary_key(digest=Text),
    *required(content=LargeBinary, created_at=Timestamp),
    Column("sources", JSONB, nullable=False, server_default=text("'{}'")),
    *optional(erased_at=Timestamp),
    CheckConstraint("erased_at is not null or digest = encode(sha256(content), 'hex')", name="digest_fits"),
)

evaluation_runs = Table(
    "evaluation_runs",
    metadata,
    *primary_key(id=Uuid),
    Column("release_id", Text, ForeignKey("releases.id"), nullable=False),
    *required(suite=Text, suite_digest=Text),
    Column("baseline_id", Text, ForeignKey("releases.id")),
    Column("against", Text, ForeignKey("evaluation_reports.digest")),
    *required(actor=Text, status=Text, done=Integer, total=Integer, corpus=JSONB, created_at=Timestamp),
    *optional(ended_at=Timestamp),
    Column("report", Text, ForeignKey("evaluation_reports.digest")),
    *optional(verdict=Text, problem=Text),
    *one_of(status=("queued", "running", "done", "failed"), verdict=("PASS", "FAIL", "INCONCLUSIVE")),
    CheckConstraint("(status in ('done', 'failed')) = (ended_at is not null)", name="ended"),
    CheckConstraint("(status = 'done') = (report is not null and verdict is not null)", name="proven"),
    CheckConstraint("(status = 'failed') = (problem is not null)", name="explained"),
    Index("ix_evaluation_runs_created_at", "created_at", "id"),
)

evaluation_opinions = Table(
    "evaluation_opinions",
    metadata,
    *primary_key(tenant_id=Uuid, judge=Text, subject=Text),
    *optional(good=Boolean),
    *required(at=Timestamp),
)

evaluation_results = Table(
    "evaluation_results",
    metadata,
    *primary_key(tenant_id=Uuid),
    Column("release_id", Text, ForeignKey("releases.id"), primary_key=True),
    *primary_key(case_digest=Text, corpus_version=Integer),
    *required(observed=JSONB, at=Timestamp),
)
