from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core import locks
from app.releases.domain import Canary, EvaluationEvidence, Move, Pointer, ReleaseEvent, ReleaseState
from app.releases.tables import environment_moves, environments, release_events, release_parts, releases

EVENTS = release_events.c
MOVES = environment_moves.c


@dataclass(frozen=True, slots=True)
class StoredRelease:
    id: str
    number: int
    manifest: str
    created_at: datetime


async def lock(connection: AsyncConnection) -> None:
    """Serialises changes of releases and environments until the end of the transaction."""
    await locks.lock(connection, locks.RELEASES)


async def find(connection: AsyncConnection, release_id: str) -> StoredRelease | None:
    row = (await connection.execute(select(releases).where(releases.c.id == release_id))).one_or_none()
    return StoredRelease(*row) if row else None


async def find_by_number(connection: AsyncConnection, number: int) -> StoredRelease | None:
    row = (await connection.execute(select(releases).where(releases.c.number == number))).one_or_none()
    return StoredRelease(*row) if row else None


async def find_by_prefix(connection: AsyncConnection, prefix: str) -> list[StoredRelease]:
    query = select(releases).where(releases.c.id.startswith(prefix, autoescape=True)).limit(2)
    return [StoredRelease(*row) for row in await connection.execute(query)]


async def newest(
    connection: AsyncConnection, limit: int, below: int | None
) -> list[tuple[StoredRelease, ReleaseState]]:
    """The newest releases with their state, newest first; below: only numbers under this one."""
    last = (
        select(EVENTS.after)
        .where(EVENTS.release_id == releases.c.id)
        .order_by(EVENTS.sequence.desc())
        .limit(1)
        .scalar_subquery()
    )
    query = select(releases, func.coalesce(last, "draft")).order_by(releases.c.number.desc()).limit(limit)
    if below is not None:
        query = query.where(releases.c.number < below)
    return [(StoredRelease(*row[:-1]), row[-1]) for row in await connection.execute(query)]


async def add(
    connection: AsyncConnection, release_id: str, manifest: str, parts: Mapping[str, bytes], at: datetime
) -> tuple[StoredRelease, bool]:
    """Stores a release unless it is stored already, and returns whether it is new. Numbers have no gaps."""
    await lock(connection)
    if stored := await find(connection, release_id):
        return stored, False
    rows = [{"digest": digest, "content": content} for digest, content in parts.items()]
    if rows:
        await connection.execute(insert(release_parts).on_conflict_do_nothing(), rows)
    number = await connection.scalar(text("select coalesce(max(number), 0) + 1 from releases"))
    values = {"id": release_id, "number": number, "manifest": manifest, "created_at": at}
    await connection.execute(insert(releases).values(values))
    return StoredRelease(**values), True


async def parts(connection: AsyncConnection, digests: set[str]) -> dict[str, bytes]:
    query = select(release_parts.c.digest, release_parts.c.content).where(release_parts.c.digest.in_(digests))
    return {digest: bytes(content) for digest, content in await connection.execute(query)}


async def add_event(connection: AsyncConnection, event: ReleaseEvent) -> None:
    values = asdict(event)
    evidence = values.pop("evidence") or {}
    await connection.execute(insert(release_events).values({**values, **evidence}))


async def events(connection: AsyncConnection, release_id: str) -> tuple[ReleaseEvent, ...]:
    query = select(release_events).where(EVENTS.release_id == release_id).order_by(EVENTS.sequence)
    return tuple(_event(row) for row in await connection.execute(query))


def _event(row: Row[Any]) -> ReleaseEvent:
    evidence = EvaluationEvidence(row.report, row.verdict) if row.report else None
    return ReleaseEvent(row.release_id, row.before, row.after, row.at, row.actor, row.reason, row.unproven, evidence)


async def pointer(connection: AsyncConnection, environment: str) -> Pointer | None:
    row = (await connection.execute(select(environments).where(environments.c.name == environment))).one_or_none()
    if row is None:
        return None
    return Pointer(row.name, row.release_id, row.previous_id, _canary(row), row.changed_at)


async def pointers(connection: AsyncConnection, names: Sequence[str]) -> list[Pointer]:
    rows = await connection.execute(select(environments).where(environments.c.name.in_(names)))
    return [Pointer(row.name, row.release_id, row.previous_id, _canary(row), row.changed_at) for row in rows]


async def pinned(connection: AsyncConnection) -> list[tuple[int, str]]:
    """Number and manifest of every release that is live, previous or a canary in an environment."""
    pointed = select(environments.c.release_id).where(environments.c.release_id.is_not(None))
    ids = pointed.union(select(environments.c.previous_id), select(environments.c.canary_id)).subquery()
    query = select(releases.c.number, releases.c.manifest).where(releases.c.id.in_(select(ids)))
    return [(row.number, row.manifest) for row in await connection.execute(query)]


def _canary(row: Row[Any]) -> Canary | None:
    return Canary(row.canary_id, row.canary_percent, row.canary_since) if row.canary_id else None


async def move(connection: AsyncConnection, to: Move) -> None:
    """Changes the pointer of an environment and records the move."""
    points = {**_pointers(to), "changed_at": to.at}
    pointed = insert(environments).values(name=to.environment, **points)
    await connection.execute(pointed.on_conflict_do_update(index_elements=["name"], set_=points))
    await add_move(connection, to)


async def add_move(connection: AsyncConnection, to: Move) -> None:
    """Records a move, such as a rehearsed one, without changing the pointer."""
    await connection.execute(
        environment_moves.insert().values(
            environment=to.environment,
            kind=to.kind,
            at=to.at,
            actor=to.actor,
            reason=to.reason,
            seconds=to.seconds,
            **_pointers(to),
        )
    )


def _pointers(to: Move) -> dict[str, Any]:
    canary = to.canary
    return {
        "release_id": to.release_id,
        "previous_id": to.previous_id,
        "canary_id": canary and canary.release_id,
        "canary_percent": canary and canary.percent,
        "canary_since": canary and canary.since,
    }


async def move_at(connection: AsyncConnection, environment: str, at: datetime) -> Move | None:
    """The last move up to a moment."""
    query = select(environment_moves).where(MOVES.environment == environment, MOVES.at <= at, MOVES.kind != "rehearsal")
    row = (await connection.execute(query.order_by(MOVES.sequence.desc()).limit(1))).one_or_none()
    return _move(row) if row else None


async def moves(connection: AsyncConnection, environment: str, limit: int) -> Sequence[Move]:
    """The newest moves, newest first."""
    query = select(environment_moves).where(MOVES.environment == environment)
    return [_move(row) for row in await connection.execute(query.order_by(MOVES.sequence.desc()).limit(limit))]


def _move(row: Row[Any]) -> Move:
    return Move(
        row.environment,
        row.kind,
        row.release_id,
        row.previous_id,
        _canary(row),
        row.at,
        row.actor,
        row.reason,
        row.seconds,
    )
