from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import Row, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.actions.domain import Entered, Entry, State, Terms
from app.actions.tables import action_runs, actions
from app.core.access import readable_by

OWN = actions.c
LIMIT_REACHED = "limit_reached"

_TERMS = TypeAdapter(Terms)


async def count_recent(connection: AsyncConnection, key_id: UUID, action: str, at: datetime) -> int:
    """How often the key has had the action proposed in the last hour; what was over the limit does not count."""
    recent = (OWN.key_id == key_id, OWN.action == action, OWN.created_at > at - timedelta(hours=1))
    counted = select(func.count()).select_from(actions).where(*recent, OWN.reason != LIMIT_REACHED)
    return int((await connection.execute(counted)).scalar_one())


async def add(connection: AsyncConnection, entry: Entry, state: State, reason: str, at: datetime) -> None:
    """state: as in the entry, or failed."""
    own = entry.proposal
    runs = state in ("approved", "done")
    await connection.execute(
        insert(actions).values(
            id=own.id,
            tenant_id=own.tenant_id,
            answer_id=own.answer_id,
            key_id=own.key_id,
            requester=own.requester,
            release_id=own.release_id,
            action=own.action,
            risk=own.risk,
            tainted=entry.tainted,
            payload=own.payload,
            digest=own.digest,
            nonce=own.nonce,
            state=state,
            approved_digest=own.digest if runs else None,
            reason=reason,
            result=entry.result,
            terms=_TERMS.dump_python(entry.terms, mode="json") if entry.terms else None,
            created_at=own.created_at,
            ended_at=None if state in ("waiting", "approved") else at,
            documents=list(entry.documents),
        )
    )


async def find(connection: AsyncConnection, action_id: UUID, lock: bool = False) -> Entered | None:
    wanted = select(actions).where(OWN.id == action_id)
    row = (await connection.execute(wanted.with_for_update() if lock else wanted)).first()
    return _entered(row) if row else None


async def seen(connection: AsyncConnection, action_id: UUID, groups: Collection[str]) -> Entered | None:
    """As `find`, for a reader who holds these groups."""
    wanted = select(actions).where(OWN.id == action_id, readable_by(groups, OWN.documents))
    row = (await connection.execute(wanted)).first()
    return _entered(row) if row else None


async def page(
    connection: AsyncConnection, groups: Collection[str], wanted: Mapping[str, Any], before: UUID | None, limit: int
) -> list[Entered]:
    """What a reader who holds these groups may see, the newest first. wanted: values of columns; None is no matter."""
    found = select(actions).where(readable_by(groups, OWN.documents)).order_by(OWN.id.desc()).limit(limit)
    for name, value in wanted.items():
        if value is not None:
            found = found.where(OWN[name] == value)
    if before is not None:
        found = found.where(OWN.id < before)
    return [_entered(row) for row in await connection.execute(found)]


async def let_run(
    connection: AsyncConnection, action_id: UUID, payload: bytes, digest: str, by: str, edited: bool, at: datetime
) -> bool:
    """Ends the wait of an action with a yes, once."""
    yes: dict[str, Any] = {"state": "approved", "payload": payload, "digest": digest, "approved_digest": digest}
    yes |= {"approved_by": by, "edited": edited, "decided_at": at}
    waiting = update(actions).where(OWN.id == action_id, OWN.state == "waiting")
    return (await connection.execute(waiting.values(yes))).rowcount == 1


async def end(
    connection: AsyncConnection, action_id: UUID, was: State, state: State, reason: str, result: Any, at: datetime
) -> bool:
    """Ends an action that stands as `was`, once."""
    ended = {"state": state, "reason": reason, "result": result, "ended_at": at}
    decided = {"decided_at": at} if was == "waiting" else {}
    standing = update(actions).where(OWN.id == action_id, OWN.state == was)
    return (await connection.execute(standing.values(ended | decided))).rowcount == 1


async def use_up(connection: AsyncConnection, entered: Entered, at: datetime) -> bool:
    """Whether the action's nonce had not been used; from now on it is."""
    run = {"nonce": entered.nonce, "tenant_id": entered.tenant_id, "action_id": entered.id, "at": at}
    new = insert(action_runs).values({**run, "digest": entered.digest})
    used = await connection.execute(new.on_conflict_do_nothing().returning(action_runs.c.nonce))
    return used.first() is not None


def _entered(row: Row[Any]) -> Entered:
    terms = _TERMS.validate_python(row.terms) if row.terms else None
    values = {**row._mapping, "payload": bytes(row.payload), "terms": terms, "documents": tuple(row.documents)}
    return Entered(**values)
