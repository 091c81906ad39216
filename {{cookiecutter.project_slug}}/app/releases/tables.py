from sqlalchemy import BigInteger, Column, DateTime, ForeignKey, Identity, Integer, LargeBinary, Table, Text

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

environments = Table(
    "environments",
    metadata,
    Column("name", Text, primary_key=True),
    Column("release_id", Text, ForeignKey("releases.id"), nullable=False),
    Column("changed_at", DateTime(timezone=True), nullable=False),
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
)
