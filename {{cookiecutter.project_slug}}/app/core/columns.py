"""Columns of one kind in one line, for use inside `sqlalchemy.Table`: `*required(kind=Text, at=Timestamp)`."""

from typing import Any

from sqlalchemy import Column, text
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
