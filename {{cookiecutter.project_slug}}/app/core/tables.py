from sqlalchemy import BigInteger, CheckConstraint, Column, DateTime, Table, Text, Uuid

from app.core.database import metadata

audit_log = Table(
    "audit_log",
    metadata,
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("before", Text),
    Column("after", Text),
    Column("reason", Text, nullable=False),
    Column("trace_id", Text, nullable=False),
    Column("tenant_id", Uuid),
    Column("previous", Text, nullable=False),
    Column("hash", Text, nullable=False),
    CheckConstraint("actor <> '' and action <> '' and subject <> ''", name="named"),
)
"""No foreign key: a line must outlive its subject and must not prevent its deletion."""
