from sqlalchemy import Column, ForeignKey, Table, UniqueConstraint, func
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import LargeBinary, Text, Uuid

from app.core.columns import Timestamp, optional, primary_key, required
from app.core.database import metadata

tenants = Table(
    "tenants",
    metadata,
    *primary_key(id=Uuid),
    *required(name=Text),
    Column("created_at", Timestamp, nullable=False, server_default=func.now()),
    UniqueConstraint("name"),
)

api_keys = Table(
    "api_keys",
    metadata,
    *primary_key(id=Uuid),
    Column("tenant_id", Uuid, ForeignKey("tenants.id"), nullable=False),
    *required(name=Text, prefix=Text, digest=LargeBinary, roles=ARRAY(Text), groups=ARRAY(Text)),
    Column("created_at", Timestamp, nullable=False, server_default=func.now()),
    *optional(revoked_at=Timestamp),
    UniqueConstraint("prefix"),
)
