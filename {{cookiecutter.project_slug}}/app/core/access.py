"""Access to what was derived from documents: a caller may read it who may read every one of those documents now.

One rule, the database's function `readable`: it checks the documents as they are in the current transaction, so that
a deletion or a revocation counts at once, for answers, quotes, review items, actions, reports and stored replies alike.
Every table that stores text of documents stores their ids beside it and is read through `readable_by`.
"""

from collections.abc import Collection, Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, cast, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY, TEXT
from sqlalchemy.dialects.postgresql import UUID as UUID_TYPE
from sqlalchemy.ext.asyncio import AsyncConnection


def readable_by(groups: Iterable[str], documents: ColumnElement[Any]) -> ColumnElement[bool]:
    """The SQL condition that a caller with the access groups `groups` may read all documents in the column."""
    group_array = cast(literal(sorted(groups), ARRAY(TEXT)), ARRAY(TEXT))
    return func.readable(documents, group_array)


async def may_read(connection: AsyncConnection, groups: Iterable[str], documents: Collection[UUID]) -> bool:
    """Whether a caller with the access groups `groups` may read all these documents of the transaction's tenant."""
    ids = cast(literal(list(documents), ARRAY(UUID_TYPE)), ARRAY(UUID_TYPE))
    return bool(await connection.scalar(select(readable_by(groups, ids))))
