from sqlalchemy import Column, ForeignKey, ForeignKeyConstraint, Index, Table, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.types import Boolean, Double, Integer, LargeBinary, Text, Uuid

from app.core.columns import Timestamp, optional, primary_key, references, required
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
    Column("tenant_id", Uuid, ForeignKey("tenants.id"), primary_key=True),
    *required(name=Text, prefix=Text, digest=LargeBinary, roles=ARRAY(Text), groups=ARRAY(Text)),
    Column("created_at", Timestamp, nullable=False, server_default=func.now()),
    *optional(revoked_at=Timestamp, person=Text, permissions=ARRAY(Text)),
    Column("hosts", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    *optional(requests_per_minute=Integer, expires_at=Timestamp, last_used_at=Timestamp),
    UniqueConstraint("prefix"),
)

identities = Table(
    "identities",
    metadata,
    *primary_key(id=Uuid),
    Column("tenant_id", Uuid, ForeignKey("tenants.id"), primary_key=True),
    *required(issuer=Text, subject=Text, name=Text, roles=ARRAY(Text), groups=ARRAY(Text)),
    *required(granted_at=Double, created_at=Timestamp),
    *optional(last_used_at=Timestamp, revoked_at=Timestamp, link=Text, suspended_at=Timestamp),
    Column("sources", JSONB, nullable=False, server_default=text("'[]'")),
)
"""Persons and service accounts of the identity provider, with what their newest tokens gave."""

rate_limits = Table(
    "rate_limits", metadata, *primary_key(subject=Uuid), *required(due_at=Timestamp), prefixes=["unlogged"]
)
"""By key, identity or tenant: the moment at which its next request would be due at its limit."""

sign_in_attempts = Table(
    "sign_in_attempts",
    metadata,
    *primary_key(state=LargeBinary),
    *required(browser=LargeBinary, nonce=Text, verifier=Text, created_at=Timestamp),
)
"""By the digest of `state`. Of no tenant: who signs in is not known yet."""

console_sessions = Table(
    "console_sessions",
    metadata,
    *primary_key(digest=LargeBinary),
    Column("tenant_id", Uuid, ForeignKey("tenants.id"), primary_key=True),
    *required(identity_id=Uuid, created_at=Timestamp, used_at=Timestamp),
    *optional(provider_session=Text, refresh_token=LargeBinary, key_version=Integer),
    *optional(refreshed_at=Timestamp, refresh_claimed_at=Timestamp),
    references(identity_id="identities.id"),
)
"""By the digest of the id that is in a browser's cookie."""

sign_outs = Table("sign_outs", metadata, *primary_key(digest=LargeBinary), *required(at=Double, ends_at=Timestamp))
"""By digests of persons and sessions of the provider: until when what was issued to them has ended."""

logout_tokens = Table("logout_tokens", metadata, *primary_key(digest=LargeBinary), *required(ends_at=Timestamp))
"""By digests of their ids: each counts once."""

provisioned_users = Table(
    "provisioned_users",
    metadata,
    Column("tenant_id", Uuid, ForeignKey("tenants.id"), primary_key=True),
    *primary_key(id=Uuid),
    *required(user_name=Text, user_key=Text, active=Boolean, created_at=Timestamp, updated_at=Timestamp),
    *optional(external_id=Text, display_name=Text, deleted_at=Timestamp),
    Index(
        "uq_provisioned_users_name", "tenant_id", "user_key", unique=True, postgresql_where=text("deleted_at is null")
    ),
    Index("ix_provisioned_users_key", "tenant_id", "user_key"),
    Index("ix_provisioned_users_external_id", "tenant_id", "external_id"),
)
"""Accounts that the identity provider provisions. user_key: of user_name, without differences of case."""

provisioned_groups = Table(
    "provisioned_groups",
    metadata,
    Column("tenant_id", Uuid, ForeignKey("tenants.id"), primary_key=True),
    *primary_key(id=Uuid),
    *required(display_name=Text, created_at=Timestamp, updated_at=Timestamp),
    *optional(external_id=Text),
    UniqueConstraint("tenant_id", "display_name"),
)

provisioned_members = Table(
    "provisioned_members",
    metadata,
    *primary_key(tenant_id=Uuid, group_id=Uuid, user_id=Uuid),
    ForeignKeyConstraint(
        ["tenant_id", "group_id"], ["provisioned_groups.tenant_id", "provisioned_groups.id"], ondelete="CASCADE"
    ),
    ForeignKeyConstraint(["tenant_id", "user_id"], ["provisioned_users.tenant_id", "provisioned_users.id"]),
    Index("ix_provisioned_members_user", "tenant_id", "user_id"),
)

provisioned_values = Table(
    "provisioned_values",
    metadata,
    Column("tenant_id", Uuid, ForeignKey("tenants.id"), primary_key=True),
    *primary_key(value=Text),
)
"""Values of claims that provisioned groups decide about, also those of groups that were deleted."""
