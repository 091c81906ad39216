"""Frees the pages of erased rows, as the owner of the tables."""

from collections.abc import Sequence

import psycopg
from psycopg import sql

from app.privacy.domain.stores import Store


async def vacuum(owner_url: str, stores: Sequence[Store], full: bool) -> None:
    """full: write the tables and their indexes anew, so that nothing of an erased row stays in a file; each is locked
    meanwhile. Otherwise the space is only marked as free.
    """
    form = "full, analyze" if full else "analyze"
    async with await psycopg.AsyncConnection.connect(owner_url, autocommit=True) as connection:
        for store in stores:
            statement = sql.SQL(f"vacuum ({form}) {{}}")
            await connection.execute(statement.format(sql.Identifier(store.table)))
        # The planner's statistics quote values of columns; those from before are dead rows of this table.
        await connection.execute("vacuum (full) pg_catalog.pg_statistic" if full else "vacuum pg_catalog.pg_statistic")
