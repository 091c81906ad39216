from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
from sqlalchemy import delete

from app.core.database import Database
from app.idempotency.domain import RETENTION_HOURS, Claim, ClaimSuperseded, CompletedRequest, StoredResponse
from app.idempotency.tables import idempotency_keys

# Divides by zero, which rolls back the transaction, when another request has taken over the claim.
COMPLETE_SQL = """
with completed as (
    update idempotency_keys set status = %s, body = %s, documents = %s::uuid[]
    where tenant_id = %s and key_id = %s and route = %s and key = %s and claim_id = %s and status is null returning 1
) select 1 / count(*) from completed
"""

_CLAIM = """
insert into idempotency_keys (tenant_id, key_id, route, key, digest, claim_id, claimed_until, created_at)
values (%s, %s, %s, %s, %s, %s, now() + make_interval(secs => %s), now())
on conflict (tenant_id, key_id, route, key) do update
set claim_id = excluded.claim_id, claimed_until = excluded.claimed_until, created_at = excluded.created_at
where idempotency_keys.status is null and idempotency_keys.claimed_until < now()
  and idempotency_keys.digest = excluded.digest
"""

_DELETE_EXPIRED = """
delete from idempotency_keys where tenant_id = %s and created_at < now() - make_interval(hours => %s)
"""

_FIND = """
select claim_id, digest, status, body, extract(epoch from claimed_until - now())::float8,
       readable(documents, %s::text[])
from idempotency_keys where tenant_id = %s and key_id = %s and route = %s and key = %s
"""


@dataclass(frozen=True, slots=True)
class KeyEntry:
    """The stored entry of a key. claimed_seconds: the remaining time of its claim; readable: whether the caller may
    read the documents that the response was derived from.
    """

    claim_id: UUID
    digest: bytes
    response: StoredResponse | None
    claimed_seconds: float
    readable: bool


def complete_parameters(completed: CompletedRequest) -> tuple[Any, ...]:
    """The parameters of `COMPLETE_SQL`."""
    claim, response = completed.claim, completed.response
    key = (claim.tenant_id, claim.key_id, claim.route, claim.key)
    return response.status, response.body, list(completed.documents), *key, claim.id


async def claim(database: Database, new: Claim, digest: bytes, seconds: float, groups: Collection[str]) -> KeyEntry:
    """Claim the key unless another request has claimed it; returns its entry. Errors: ClaimSuperseded."""
    key = (new.tenant_id, new.key_id, new.route, new.key)
    async with database.pipeline(new.tenant_id) as connection:
        await connection.execute(_DELETE_EXPIRED, (new.tenant_id, RETENTION_HOURS))
        await connection.execute(_CLAIM, (*key, digest, new.id, seconds))
        cursor = await connection.execute(_FIND, (sorted(groups), *key))
    row = await cursor.fetchone()
    if row is None:
        raise ClaimSuperseded
    claim_id, stored_digest, status, body, seconds_left, readable = row
    response = StoredResponse(status, bytes(body)) if status else None
    return KeyEntry(claim_id, bytes(stored_digest), response, seconds_left, readable)


async def complete(database: Database, completed: CompletedRequest) -> None:
    """Errors: ClaimSuperseded."""
    try:
        async with database.pipeline(completed.claim.tenant_id) as connection:
            await connection.execute(COMPLETE_SQL, complete_parameters(completed))
    except psycopg.errors.DivisionByZero as error:
        raise ClaimSuperseded from error


async def release(database: Database, claim: Claim) -> None:
    """Frees the key for the next request."""
    row = idempotency_keys.c
    async with database.transaction(claim.tenant_id) as connection:
        await connection.execute(delete(idempotency_keys).where(row.claim_id == claim.id, row.status.is_(None)))
