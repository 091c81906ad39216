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
    UniqueConstraint,
    Uuid,
    false,
)
from sqlalchemy.dialects.postgresql import JSONB

from app.core.database import metadata

actions = Table(
    "actions",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("tenant_id", Uuid, nullable=False),
    Column("answer_id", Uuid, nullable=False),
    Column("key_id", Uuid, nullable=False),
    Column("requester", Text, nullable=False),
    Column("release_id", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("risk", Text, nullable=False),
    Column("tainted", Boolean, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("digest", Text, nullable=False),
    Column("nonce", Uuid, nullable=False),
    Column("state", Text, nullable=False),
    Column("approved_digest", Text),
    Column("approved_by", Text),
    Column("edited", Boolean, nullable=False, server_default=false()),
    Column("reason", Text, nullable=False, server_default=""),
    Column("result", JSONB(none_as_null=True)),
    Column("terms", JSONB(none_as_null=True)),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("decided_at", DateTime(timezone=True)),
    Column("ended_at", DateTime(timezone=True)),
    UniqueConstraint("nonce"),
    CheckConstraint("risk in ('read', 'reversible', 'irreversible')", name="risk"),
    CheckConstraint("state in ('waiting', 'approved', 'done', 'failed', 'rejected', 'expired')", name="state"),
    CheckConstraint("digest = encode(sha256(payload), 'hex')", name="digest_fits"),
    CheckConstraint("(state in ('waiting', 'approved')) = (ended_at is null)", name="ended"),
    CheckConstraint("state <> 'waiting' or terms is not null", name="waits_for_somebody"),
    CheckConstraint("state not in ('approved', 'done') or approved_digest is not null", name="approved"),
    CheckConstraint(
        "state not in ('approved', 'done') or risk = 'read' or approved_by is not null "
        "or (risk = 'reversible' and not tainted)",
        name="a_person_approved",
    ),
    Index("ix_actions_by_key", "tenant_id", "key_id", "action", "created_at"),
    Index("ix_actions_by_time", "tenant_id", "id"),
    Index("ix_actions_answer_id", "answer_id"),
)

action_runs = Table(
    "action_runs",
    metadata,
    Column("nonce", Uuid, primary_key=True),
    Column("tenant_id", Uuid, nullable=False),
    Column("action_id", Uuid, ForeignKey("actions.id"), nullable=False),
    Column("digest", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    UniqueConstraint("action_id"),
)
"""What has run, by the nonce that it used up. Rows are added, never changed and never removed."""

tickets = Table(
    "tickets",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("tenant_id", Uuid, nullable=False),
    Column("number", Integer, nullable=False),
    Column("title", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("created_by", Text, nullable=False),
    UniqueConstraint("tenant_id", "number"),
    CheckConstraint("status in ('open', 'closed')", name="status"),
)

ticket_notes = Table(
    "ticket_notes",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("tenant_id", Uuid, nullable=False),
    Column("ticket_id", Uuid, ForeignKey("tickets.id"), nullable=False),
    Column("action_id", Uuid, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("author", Text, nullable=False),
    Column("text", Text, nullable=False),
    UniqueConstraint("action_id"),
    Index("ix_ticket_notes_ticket_id", "ticket_id", "at"),
)
