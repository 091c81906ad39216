from sqlalchemy import CheckConstraint, Table
from sqlalchemy.types import Integer, LargeBinary, Text, Uuid

from app.core.columns import Timestamp, optional, primary_key, required
from app.core.database import metadata

tenant_keys = Table(
    "tenant_keys",
    metadata,
    *primary_key(tenant_id=Uuid, version=Integer),
    *optional(wrapped=LargeBinary),
    *required(master_key=Text, created_at=Timestamp),
    *optional(destroyed_at=Timestamp),
    CheckConstraint("(wrapped is null) = (destroyed_at is not null)", name="destroyed"),
)
"""The data keys of tenants, each encrypted by a master key. The newest version encrypts, every version decrypts."""
