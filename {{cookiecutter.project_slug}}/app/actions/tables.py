from sqlalchemy import CheckConstraint, Column, ForeignKeyConstraint, Index, Table, UniqueConstraint, false
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import Boolean, Integer, LargeBinary, Text, Uuid

from app.core.columns import Timestamp, documents_column, optional, primary_key, required
from app.core.database import metadata

actions = Table(
    "actions",
    metadata,
    *primary_key(tenant_id=Uuid, id=Uuid),
    *required(answer_id=Uuid, key_id=Uuid, requester=Text, release_id=Text),
    *required(action=Text, risk=Text, tainted=Boolean, payload=LargeBinary, digest=Text, nonce=Uuid, state=Text),
    *optional(approved_digest=Text, approved_by=Text),
    Column("edited", Boolean, nullable=False, server_default=false()),
    Column("reason", Text, nullable=False, server_default=""),
    *optional(result=JSONB(none_as_null=True), terms=JSONB(none_as_null=True)),
    *required(created_at=Timestamp),
    *optional(decided_at=Timestamp, ended_at=Timestamp),
    documents_column(),
    UniqueConstraint("tenant_id", "nonce"),
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
    Index("ix_actions_answer_id", "answer_id"),
)

action_runs = Table(
    "action_runs",
    metadata,
    *primary_key(tenant_id=Uuid, nonce=Uuid),
    *required(action_id=Uuid, digest=Text, at=Timestamp),
    ForeignKeyConstraint(["tenant_id", "action_id"], ["actions.tenant_id", "actions.id"]),
    UniqueConstraint("tenant_id", "action_id"),
)
"""What has run, by the nonce that it used up. Rows are added, never changed and never removed."""

tickets = Table(
    "tickets",
    metadata,
    *primary_key(tenant_id=Uuid, id=Uuid),
    *required(number=Integer, title=Text, text=Text, status=Text),
    *required(created_at=Timestamp, created_by=Text),
    UniqueConstraint("tenant_id", "number"),
    CheckConstraint("status in ('open', 'closed')", name="status"),
)

ticket_notes = Table(
    "ticket_notes",
    metadata,
    *primary_key(tenant_id=Uuid, id=Uuid),
    *required(ticket_id=Uuid, action_id=Uuid, at=Timestamp, author=Text, text=Text),
    documents_column(),
    ForeignKeyConstraint(["tenant_id", "ticket_id"], ["tickets.tenant_id", "tickets.id"]),
    UniqueConstraint("tenant_id", "action_id"),
    Index("ix_ticket_notes_ticket_id", "ticket_id", "at"),
)
