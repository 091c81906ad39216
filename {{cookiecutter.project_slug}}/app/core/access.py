"""Who may see what was derived from documents: whoever may read every one of those documents, now.

One rule, the database's function `readable`: it looks at the documents as they stand in this very transaction, so that
a deletion or a revocation counts at once, for answers, quotes, review items, actions, reports and stored replies alike.
Whatever keeps text that came out of documents keeps their ids beside it and is read through `readable_by`.
"""

from collections.abc import Collection, Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, cast, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY, TEXT
from sqlalchemy.dialects.postgresql import UUID as UUID_TYPE
from sqlalchemy.ext.asyncio import AsyncConnection


def readable_by(groups: Iterable[str], documents: ColumnElement[Any]) -> ColumnElement[bool]:
    """A condition: whoever holds `groups` may read all the documents of the column."""
    held = cast(literal(sorted(groups), ARRAY(TEXT)), ARRAY(TEXT))
    return func.readable(documents, held)


async def may_read(connection: AsyncConnection, groups: Iterable[str], documents: Collection[UUID]) -> bool:
    """Whether whoever holds `groups` may read all these documents of the transaction's tenant."""
    wanted = cast(literal(list(documents), ARRAY(UUID_TYPE)), ARRAY(UUID_TYPE))
    return bool(await connection.scalar(select(readable_by(groups, wanted))))
