from sqlalchemy import Table
from sqlalchemy.types import BigInteger, Boolean, Date, Text, Uuid

from app.core.columns import Timestamp, not_empty, optional, primary_key, required
from app.core.database import metadata

audit_log = Table(
    "audit_log",
    metadata,
    *primary_key(sequence=BigInteger),
    *required(at=Timestamp, actor=Text, action=Text, subject=Text),
    *optional(before=Text, after=Text),
    *required(reason=Text, trace_id=Text),
    *optional(tenant_id=Uuid),
    *required(previous=Text, hash=Text),
    not_empty("actor", "action", "subject"),
)
"""No foreign key: a line must outlive its subject and must not prevent its deletion."""

parked_jobs = Table(
    "parked_jobs",
    metadata,
    *primary_key(job_id=BigInteger),
    *required(reason=Text, parked_at=Timestamp),
)
"""Why a job of the queue failed for good."""

job_counts = Table(
    "job_counts",
    metadata,
    *primary_key(day=Date, kind=Text),
    *required(done=BigInteger, failed=BigInteger),
)
"""Attempts of jobs by day and kind: a job that is done leaves no other trace."""

schema_support = Table("schema_support", metadata, *primary_key(revision=Text))
"""Revisions whose code may run on this schema; `app migrate` writes it."""

operation_runs = Table(
    "operation_runs",
    metadata,
    *primary_key(kind=Text),
    *required(at=Timestamp, actor=Text, passed=Boolean, digest=Text, detail=Text),
)
"""The newest run of each regular operation."""
