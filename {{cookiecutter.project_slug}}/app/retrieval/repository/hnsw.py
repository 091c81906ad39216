"""Approximate vector indexes (HNSW), one for each large tenant, created by the owner of the tables."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import psycopg
from psycopg.sql import SQL, Identifier, Literal

LARGE = """
select tenant_id, count(*) from chunk_vectors where index_number = %s and gone is null
group by tenant_id having count(*) > %s order by tenant_id
"""
VALID = "select indisvalid from pg_index where indexrelid = to_regclass(%s)"
CREATE = """
create index concurrently {name} on chunk_vectors using hnsw ((embedding::halfvec({dimensions})) halfvec_ip_ops)
with (ef_construction = 128) where index_number = {index} and tenant_id = {tenant}
"""


@asynccontextmanager
async def owner(url: str) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True, connect_timeout=5) as connection:
        await connection.execute("set maintenance_work_mem = '512MB'")
        yield connection


async def large_tenants(connection: psycopg.AsyncConnection[Any], index: int, above: int) -> list[tuple[UUID, int]]:
    """Tenants with more than `above` vectors in the index, with their number."""
    return await (await connection.execute(LARGE, (index, above))).fetchall()


async def create_index(connection: psycopg.AsyncConnection[Any], index: int, dimensions: int, tenant_id: UUID) -> bool:
    """Creates the tenant's index without blocking reads or writes; False when it exists."""
    name = f"sx_vectors_{index}_{tenant_id.hex}"
    existing = await (await connection.execute(VALID, (name,))).fetchone()
    if existing and existing[0]:
        return False
    # An interrupted build leaves an invalid index.
    await connection.execute(SQL("drop index concurrently if exists {}").format(Identifier(name)))
    parts = {"index": Literal(index), "tenant": Literal(tenant_id), "dimensions": Literal(dimensions)}
    await connection.execute(SQL(CREATE).format(name=Identifier(name), **parts))
    return True
