from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Table
from sqlalchemy.types import Text, Uuid

from app.core.columns import Timestamp, primary_key, required
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
