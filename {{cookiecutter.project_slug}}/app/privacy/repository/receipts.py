"""Requests with their receipts, and legal holds."""

from collections.abc import Collection, Sequence
from dataclasses import asdict
from typing import Any
from uuid import UUID

from sqlalchemy import insert, literal, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.database import moment
from app.core.locks import lock_name
from app.privacy.domain.requests import LegalHold, PrivacyRequest
from app.privacy.tables import legal_holds, privacy_requests

REQUEST = privacy_requests.c
HOLD = legal_holds.c
_ASKERS = text(
    "select distinct key_id from answers where tenant_id = :tenant and id = any (cast(:answers as uuid[])) "
    "and key_id is not null"
)


async def add(connection: AsyncConnection, request: PrivacyRequest) -> None:
    await connection.execute(insert(privacy_requests).values(asdict(request)))


async def find(connection: AsyncConnection, request_id: UUID, lock: bool = False) -> PrivacyRequest | None:
    query = select(privacy_requests).where(REQUEST.id == request_id)
    row = (await connection.execute(query.with_for_update() if lock else query)).first()
    return _request(row) if row else None


async def find_unfinished(connection: AsyncConnection, like: PrivacyRequest) -> UUID | None:
    """An erasure of the same that is not done."""
    same = [getattr(REQUEST, name) == getattr(like, name) for name in ("tenant_id", "selector", "subject")]
    query = select(REQUEST.id).where(*same, REQUEST.kind == "erase", REQUEST.state != "done")
    return (await connection.execute(query.order_by(REQUEST.requested_at).limit(1))).scalar()


async def find_hold(connection: AsyncConnection, hold: LegalHold) -> LegalHold | None:
    """One in force on the same, for the same reason."""
    same = [getattr(HOLD, name) == getattr(hold, name) for name in ("tenant_id", "kind", "subject_id", "reason")]
    row = (await connection.execute(select(legal_holds).where(*same, HOLD.lifted_at.is_(None)))).first()
    return LegalHold(**row._mapping) if row else None


async def known(connection: AsyncConnection, request_ids: Sequence[UUID]) -> set[UUID]:
    """Those of the requests that have a receipt here."""
    return set((await connection.execute(select(REQUEST.id).where(REQUEST.id.in_(request_ids)))).scalars())


async def list_requests(connection: AsyncConnection, tenant_id: UUID, limit: int) -> list[PrivacyRequest]:
    """The newest first."""
    query = select(privacy_requests).where(REQUEST.tenant_id == tenant_id).order_by(REQUEST.requested_at.desc())
    return [_request(row) for row in await connection.execute(query.limit(limit))]


async def list_running(connection: AsyncConnection, tenant_id: UUID) -> list[UUID]:
    running = (REQUEST.tenant_id == tenant_id, REQUEST.kind == "erase", REQUEST.state == "running")
    return list((await connection.execute(select(REQUEST.id).where(*running).order_by(REQUEST.requested_at))).scalars())


async def change(connection: AsyncConnection, request_id: UUID, **values: Any) -> None:
    await connection.execute(update(privacy_requests).where(REQUEST.id == request_id).values(**values))


async def close(connection: AsyncConnection, request: PrivacyRequest) -> None:
    """From the end of this transaction nothing is stored that was made from text read before this moment of the
    database's clock and may hold what the request names; what is being stored has been until then. The function
    refuse_erased() sees to it, which the triggers of answers, results of evaluations and kept replies call.
    """
    await lock_name(connection, f"erasures of {request.tenant_id}")
    await change(connection, request.id, closed_at=await moment(connection))


async def add_hold(connection: AsyncConnection, hold: LegalHold) -> None:
    await connection.execute(insert(legal_holds).values(asdict(hold)))


async def lift(connection: AsyncConnection, hold_id: UUID, **values: Any) -> bool:
    active = (HOLD.id == hold_id, HOLD.lifted_at.is_(None))
    return (await connection.execute(update(legal_holds).where(*active).values(**values))).rowcount == 1


async def list_holds(connection: AsyncConnection, tenant_id: UUID) -> list[LegalHold]:
    """Those in force, the oldest first."""
    active = (HOLD.tenant_id == tenant_id, HOLD.lifted_at.is_(None))
    rows = await connection.execute(select(legal_holds).where(*active).order_by(HOLD.placed_at))
    return [LegalHold(**row._mapping) for row in rows]


async def holds_on(
    connection: AsyncConnection, tenant_id: UUID, subjects: Collection[UUID], everything: bool
) -> Sequence[LegalHold]:
    """Holds in force on any of these, or on the whole tenant."""
    on = or_(HOLD.kind == "tenant", HOLD.subject_id.in_(list(subjects)), literal(everything))
    active = (HOLD.tenant_id == tenant_id, HOLD.lifted_at.is_(None), on)
    rows = await connection.execute(select(legal_holds).where(*active).order_by(HOLD.placed_at))
    return [LegalHold(**row._mapping) for row in rows]


async def askers_of(connection: AsyncConnection, tenant_id: UUID, answers: Collection[UUID]) -> Sequence[UUID]:
    """The keys that asked for these answers."""
    values = {"tenant": tenant_id, "answers": list(answers)}
    return list((await connection.execute(_ASKERS, values)).scalars())


def _request(row: Any) -> PrivacyRequest:
    values = dict(row._mapping)
    values["sealed"] = None if values["sealed"] is None else bytes(values["sealed"])
    return PrivacyRequest(**values)
