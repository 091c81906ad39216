from sqlalchemy import CheckConstraint, Column, Index, Table, UniqueConstraint, false
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import Boolean, Integer, LargeBinary, Text, Uuid

from app.core.columns import Timestamp, digest_of, documents_column, one_of, optional, primary_key, references, required
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
    *one_of(risk=("read", "reversible", "irreversible")),
    *one_of(state=("waiting", "approved", "done", "failed", "rejected", "expired")),
    digest_of("payload"),
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
    references(action_id="actions.id"),
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
    *one_of(status=("open", "closed")),
)

ticket_notes = Table(
    "ticket_notes",
    metadata,
    *primary_key(tenant_id=Uuid, id=Uuid),
    *required(ticket_id=Uuid, action_id=Uuid, at=Timestamp, author=Text, text=Text),
    documents_column(),
    references(ticket_id="tickets.id"),
    UniqueConstraint("tenant_id", "action_id"),
    Index("ix_ticket_notes_ticket_id", "ticket_id", "at"),
)
