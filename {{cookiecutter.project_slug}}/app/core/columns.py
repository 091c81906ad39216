"""Columns and constraints of one kind in one line, for use inside `sqlalchemy.Table`:
`*required(kind=Text, at=Timestamp)`, `*one_of(kind=("export", "erase"))`.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import CheckConstraint, Column, ForeignKeyConstraint, text
from sqlalchemy.types import ARRAY, DateTime, TypeEngine, Uuid

ColumnType = TypeEngine[Any] | type[TypeEngine[Any]]

Timestamp = DateTime(timezone=True)


def primary_key(**types: ColumnType) -> list[Column[Any]]:
    """The columns of the primary key, by name. The service gives their values; the database never counts them up."""
    return [Column(name, type_, primary_key=True, autoincrement=False) for name, type_ in types.items()]


def required(**types: ColumnType) -> list[Column[Any]]:
    """Columns that are never null, by name."""
    return [Column(name, type_, nullable=False) for name, type_ in types.items()]


def optional(**types: ColumnType) -> list[Column[Any]]:
    """Columns that may be null, by name."""
    return [Column(name, type_) for name, type_ in types.items()]


def documents_column() -> Column[Any]:
    """The ids of the `documents` that a row was derived from, which decide who may read it; empty by default."""
    return Column("documents", ARRAY(Uuid), nullable=False, server_default=text("'{}'"))


def one_of(**values: Sequence[str]) -> list[CheckConstraint]:
    """By column: the only values that it has. Each constraint is named after its column."""
    return [
        CheckConstraint(f"{column} in ({', '.join(map(repr, allowed))})", name=column)
        for column, allowed in values.items()
    ]


def not_empty(*columns: str) -> CheckConstraint:
    """Who did something and why, which must be text."""
    return CheckConstraint(" and ".join(f"{column} <> ''" for column in columns), name="named")


def digest_of(column: str) -> CheckConstraint:
    """The column `digest` is the SHA-256 of the bytes in `column`, in hexadecimal digits."""
    return CheckConstraint(f"digest = encode(sha256({column}), 'hex')", name="digest_fits")


def references(**columns: str) -> ForeignKeyConstraint:
    """A foreign key to a row of the same tenant, by column: `references(ticket_id="tickets.id")`."""
    table = next(iter(columns.values())).split(".")[0]
    return ForeignKeyConstraint(["tenant_id", *columns], [f"{table}.tenant_id", *columns.values()])
