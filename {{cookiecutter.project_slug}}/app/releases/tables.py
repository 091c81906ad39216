from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
)

from app.core.database import metadata

releases = Table(
    "releases",
    metadata,
    Column("id", Text, primary_key=True),
    Column("number", Integer, nullable=False, unique=True),
    Column("manifest", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
)

release_parts = Table(
    "release_parts",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("content", LargeBinary, nullable=False),
)

release_events = Table(
    "release_events",
    metadata,
    Column("sequence", BigInteger, Identity(always=True), primary_key=True),
    Column("release_id", Text, ForeignKey("releases.id"), nullable=False),
    Column("before", Text),
    Column("after", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("actor", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("unproven", Text),
    Column("report", Text),
    Column("verdict", Text),
    CheckConstraint("actor <> '' and reason <> ''", name="named"),
    CheckConstraint("unproven in ('first_release', 'break_glass')", name="unproven"),
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
    Column("name", Text, primary_key=True),
    Column("release_id", Text, ForeignKey("releases.id"), nullable=False),
    Column("changed_at", DateTime(timezone=True), nullable=False),
    Column("previous_id", Text, ForeignKey("releases.id")),
    Column("canary_id", Text, ForeignKey("releases.id")),
    Column("canary_percent", Double),
    Column("canary_since", DateTime(timezone=True)),
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
    Column("environment", Text, nullable=False),
    Column("release_id", Text, ForeignKey("releases.id"), nullable=False),
    Column("previous_id", Text),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("actor", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("canary_id", Text, ForeignKey("releases.id")),
    Column("canary_percent", Double),
    Column("canary_since", DateTime(timezone=True)),
    Column("seconds", Double),
    Index("ix_environment_moves_by_time", "environment", "at", "sequence"),
)
