from sqlalchemy import CheckConstraint, Column, ForeignKey, Identity, Index, Table
from sqlalchemy.types import BigInteger, Double, Integer, LargeBinary, Text

from app.core.columns import Timestamp, not_empty, one_of, optional, primary_key, required
from app.core.database import metadata

releases = Table(
    "releases",
    metadata,
    *primary_key(id=Text),
    Column("number", Integer, nullable=False, unique=True),
    *required(manifest=Text, created_at=Timestamp),
)

release_parts = Table(
    "release_parts",
    metadata,
    *primary_key(digest=Text),
    *required(content=LargeBinary),
)

release_events = Table(
    "release_events",
    metadata,
    Column("sequence", BigInteger, Identity(always=True), primary_key=True),
    Column("release_id", Text, ForeignKey("releases.id"), nullable=False),
    *optional(before=Text),
    *required(after=Text, at=Timestamp, actor=Text, reason=Text),
    *optional(unproven=Text, report=Text, verdict=Text),
    not_empty("actor", "reason"),
    *one_of(unproven=("first_release", "break_glass")),
    CheckConstraint(
        "(report is null) = (verdict is null) and verdict in ('PASS', 'FAIL', 'INCONCLUSIVE') "
        "and report ~ '^[0-9a-f]{64}$'",
        name="verdict",
    ),
    Index("ix_release_events_release_id", "release_id", "sequence"),
)

environments = Table(
    "environments",
    metadata,
    *primary_key(name=Text),
    Column("release_id", Text, ForeignKey("releases.id"), nullable=False),
    *required(changed_at=Timestamp),
    Column("previous_id", Text, ForeignKey("releases.id")),
    Column("canary_id", Text, ForeignKey("releases.id")),
    *optional(canary_percent=Double, canary_since=Timestamp),
    CheckConstraint(
        "(canary_id is null) = (canary_percent is null) and (canary_id is null) = (canary_since is null) "
        "and canary_percent > 0 and canary_percent < 100",
        name="canary",
    ),
)

environment_moves = Table(
    "environment_moves",
    metadata,
    Column("sequence", BigInteger, Identity(always=True), primary_key=True),
    *required(environment=Text),
    Column("release_id", Text, ForeignKey("releases.id"), nullable=False),
    *optional(previous_id=Text),
    *required(at=Timestamp, actor=Text, reason=Text, kind=Text),
    Column("canary_id", Text, ForeignKey("releases.id")),
    *optional(canary_percent=Double, canary_since=Timestamp, seconds=Double),
    Index("ix_environment_moves_by_time", "environment", "at", "sequence"),
)
