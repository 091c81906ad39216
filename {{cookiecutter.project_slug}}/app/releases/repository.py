from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.releases.tables import environment_moves, environments, release_parts, releases

ONE_AT_A_TIME = text("select pg_advisory_xact_lock(hashtext('releases'))")


@dataclass(frozen=True, slots=True)
class StoredRelease:
    id: str
    number: int
    manifest: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Move:
    environment: str
    release_id: str
    at: datetime
    actor: str
    reason: str


async def find(connection: AsyncConnection, release_id: str) -> StoredRelease | None:
    row = (await connection.execute(select(releases).where(releases.c.id == release_id))).one_or_none()
    return StoredRelease(*row) if row else None


async def find_by_prefix(connection: AsyncConnection, prefix: str) -> list[StoredRelease]:
    query = select(releases).where(releases.c.id.startswith(prefix, autoescape=True)).limit(2)
    return [StoredRelease(*row) for row in await connection.execute(query)]


async def add(
    connection: AsyncConnection, release_id: str, manifest: str, parts: Mapping[str, bytes], at: datetime
) -> StoredRelease:
    """Stores a release unless it is stored already; numbers follow each other without a gap."""
    if stored := await find(connection, release_id):
        return stored
    await connection.execute(ONE_AT_A_TIME)
    # Another process may have stored it while this one waited.
    if stored := await find(connection, release_id):
        return stored
    rows = [{"digest": digest, "content": content} for digest, content in parts.items()]
    if rows:
        await connection.execute(insert(release_parts).on_conflict_do_nothing(), rows)
    number = await connection.scalar(text("select coalesce(max(number), 0) + 1 from releases"))
    values = {"id": release_id, "number": number, "manifest": manifest, "created_at": at}
    await connection.execute(insert(releases).values(values))
    return StoredRelease(**values)


async def parts(connection: AsyncConnection, digests: set[str]) -> dict[str, bytes]:
    query = select(release_parts.c.digest, release_parts.c.content).where(release_parts.c.digest.in_(digests))
    return {digest: bytes(content) for digest, content in await connection.execute(query)}


async def environment(connection: AsyncConnection, name: str) -> str | None:
    return await connection.scalar(select(environments.c.release_id).where(environments.c.name == name))


async def move(connection: AsyncConnection, to: Move) -> bool:
    """Points an environment at a release and keeps the move; False when it pointed there already."""
    await connection.execute(ONE_AT_A_TIME)
    previous = await environment(connection, to.environment)
    if previous == to.release_id:
        return False
    pointer = insert(environments).values(name=to.environment, release_id=to.release_id, changed_at=to.at)
    await connection.execute(
        pointer.on_conflict_do_update(index_elements=["name"], set_={"release_id": to.release_id, "changed_at": to.at})
    )
    await connection.execute(
        environment_moves.insert().values(
            environment=to.environment,
            release_id=to.release_id,
            previous_id=previous,
            at=to.at,
            actor=to.actor,
            reason=to.reason,
        )
    )
    return True
