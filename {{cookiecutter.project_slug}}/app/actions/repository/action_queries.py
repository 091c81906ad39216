from collections.abc import Collection, Mapping
from dataclasses import fields
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import Row, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.actions.domain import ActionState, NewAction, ReviewTerms, StoredAction
from app.actions.domain.action import ApprovalBinding
from app.actions.tables import action_runs, actions
from app.core.access import readable_by
from app.core.json_types import JsonObject

ACTION = actions.c
LIMIT_REACHED = "limit_reached"

_TERMS = TypeAdapter(ReviewTerms)


async def count_recent(connection: AsyncConnection, key_id: UUID, action: str, at: datetime) -> int:
    """How many actions of this name were stored for the key in the last hour, without those over the limit."""
    recent = (ACTION.key_id == key_id, ACTION.action == action, ACTION.created_at > at - timedelta(hours=1))
    counted = select(func.count()).select_from(actions).where(*recent, ACTION.reason != LIMIT_REACHED)
    return int((await connection.execute(counted)).scalar_one())


async def add(connection: AsyncConnection, action: NewAction, state: ActionState, reason: str, at: datetime) -> None:
    """state: that of the new action, or failed."""
    proposal = action.proposal
    runs = state in ("approved", "done")
    await connection.execute(
        insert(actions).values(
            **{each.name: getattr(proposal, each.name) for each in fields(ApprovalBinding)},
            tainted=action.tainted,
            payload=proposal.payload,
            digest=proposal.digest,
            nonce=proposal.nonce,
            state=state,
            approved_digest=proposal.digest if runs else None,
            reason=reason,
            result=action.result,
            terms=_TERMS.dump_python(action.terms, mode="json") if action.terms else None,
            created_at=proposal.created_at,
            ended_at=None if state in ("waiting", "approved") else at,
            documents=list(action.documents),
        )
    )


async def find(connection: AsyncConnection, action_id: UUID, lock: bool = False) -> StoredAction | None:
    query = select(actions).where(ACTION.id == action_id)
    row = (await connection.execute(query.with_for_update() if lock else query)).first()
    return _stored_action(row) if row else None


async def find_readable(connection: AsyncConnection, action_id: UUID, groups: Collection[str]) -> StoredAction | None:
    """The action, if these access groups may read it."""
    query = select(actions).where(ACTION.id == action_id, readable_by(groups, ACTION.documents))
    row = (await connection.execute(query)).first()
    return _stored_action(row) if row else None


async def find_page(
    connection: AsyncConnection, groups: Collection[str], filters: Mapping[str, object], before: UUID | None, limit: int
) -> list[StoredAction]:
    """What these access groups may read, the newest first. filters: values by column; None matches all."""
    query = select(actions).where(readable_by(groups, ACTION.documents)).order_by(ACTION.id.desc()).limit(limit)
    for name, value in filters.items():
        if value is not None:
            query = query.where(ACTION[name] == value)
    if before is not None:
        query = query.where(ACTION.id < before)
    return [_stored_action(row) for row in await connection.execute(query)]


async def approve(
    connection: AsyncConnection, action_id: UUID, payload: bytes, digest: str, by: str, edited: bool, at: datetime
) -> bool:
    """Approves a waiting action; False when it no longer waits."""
    values: dict[str, Any] = {"state": "approved", "payload": payload, "digest": digest, "approved_digest": digest}
    values |= {"approved_by": by, "edited": edited, "decided_at": at}
    waiting = update(actions).where(ACTION.id == action_id, ACTION.state == "waiting")
    return (await connection.execute(waiting.values(values))).rowcount == 1


async def end(
    connection: AsyncConnection,
    action_id: UUID,
    current: ActionState,
    state: ActionState,
    reason: str,
    result: JsonObject | None,
    at: datetime,
) -> bool:
    """Ends an action that is in the state `current`; False when it is in another."""
    ended = {"state": state, "reason": reason, "result": result, "ended_at": at}
    decided = {"decided_at": at} if current == "waiting" else {}
    unended = update(actions).where(ACTION.id == action_id, ACTION.state == current)
    return (await connection.execute(unended.values(ended | decided))).rowcount == 1


async def claim_nonce(connection: AsyncConnection, action: StoredAction, at: datetime) -> bool:
    """Marks the action's nonce as used; False when it already was."""
    values = {"nonce": action.nonce, "tenant_id": action.tenant_id, "action_id": action.id, "at": at}
    new = insert(action_runs).values({**values, "digest": action.digest})
    claimed = await connection.execute(new.on_conflict_do_nothing().returning(action_runs.c.nonce))
    return claimed.first() is not None


def _stored_action(row: Row[Any]) -> StoredAction:
    terms = _TERMS.validate_python(row.terms) if row.terms else None
    values = {**row._mapping, "payload": bytes(row.payload), "terms": terms, "documents": tuple(row.documents)}
    return StoredAction(**values)
