from sqlalchemy import Index, Table
from sqlalchemy.types import LargeBinary, SmallInteger, Text, Uuid

from app.core.columns import Timestamp, documents_column, optional, primary_key, required
from app.core.database import metadata

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    *primary_key(tenant_id=Uuid, key_id=Uuid, route=Text, key=Text),
    *required(digest=LargeBinary, claim_id=Uuid, claimed_until=Timestamp, created_at=Timestamp),
    *optional(status=SmallInteger, body=LargeBinary),
    documents_column(),
    Index("ix_idempotency_keys_by_time", "tenant_id", "created_at"),
)
