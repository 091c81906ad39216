"""Kept conversations: their turns refer to stored answers, whose texts are stored nowhere else."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.ids import new_id
from app.identity.domain import Principal
from app.inference.domain.conversations import Conversation, StoredTurn, Turn

# Of an answer whose review replaced or withheld its text, what its asker got; nothing of an erased one.
_TURN = """
    a.id as answer_id, a.created_at, a.question, a.status, a.documents, a.body->>'searched_for' as searched_for,
    case when r.state in ('held', 'rejected') or r.outcome = 'rejected' then null
         when r.timing = 'before' then convert_from(r.payload, 'UTF8')::jsonb else a.body end as body,
    coalesce(r.state, 'delivered') as state
"""
_JOINED = """
    answers a left join reviewed_answers r on r.tenant_id = a.tenant_id and r.answer_id = a.id
"""
_READABLE = "a.question <> '' and readable(a.documents, cast(:groups as text[]))"
_OWN = "c.tenant_id = :tenant and c.key_id = :key"
_TURNS = text(
    f"""
    select t.number, {_TURN} from conversations c
    join conversation_turns t on t.tenant_id = c.tenant_id and t.conversation_id = c.id
    join ({_JOINED}) on a.tenant_id = t.tenant_id and a.id = t.answer_id
    where {_OWN} and c.name = :name and {_READABLE} order by t.number desc limit :limit
    """  # noqa: S608
)
_ANSWERS = text(
    f"select 0 as number, {_TURN} from {_JOINED} where a.tenant_id = :tenant and a.id = any (cast(:ids as uuid[])) "  # noqa: S608
    f"and {_READABLE}"
)
_FIND = text(f"select name, created_at, last_at, turns from conversations c where {_OWN} and c.name = :name")  # noqa: S608
_LIST = text(
    f"select name, created_at, last_at, turns from conversations c where {_OWN} "  # noqa: S608
    "and (cast(:before as timestamptz) is null or last_at < :before) order by last_at desc, id limit :limit"
)
_COUNT = text(f"select count(*) from (select from conversations c where {_OWN} limit :limit) found")  # noqa: S608
_DELETE = text(f"delete from conversations c where {_OWN} and c.name = :name")  # noqa: S608
# The lock on the row of the conversation puts answers that are stored at the same time in an order.
_BEGIN = text(
    """
    insert into conversations (tenant_id, id, key_id, name, created_at, last_at, turns)
    values (:tenant, :id, :key, :name, :at, :at, 1)
    on conflict (tenant_id, key_id, name)
    do update set turns = conversations.turns + 1, last_at = greatest(conversations.last_at, excluded.last_at)
    returning id, turns
    """
)
_ADD = text(
    "insert into conversation_turns (tenant_id, conversation_id, number, answer_id) "
    "values (:tenant, :conversation, :number, :answer)"
)


@dataclass(frozen=True, slots=True)
class ConversationKey:
    """A caller's conversation."""

    tenant_id: UUID
    key_id: UUID
    name: str

    @classmethod
    def of(cls, caller: Principal, name: str) -> "ConversationKey":
        return cls(caller.tenant_id, caller.key_id, name)

    @property
    def values(self) -> dict[str, Any]:
        return {"tenant": self.tenant_id, "key": self.key_id, "name": self.name}


async def find_conversation(connection: AsyncConnection, key: ConversationKey) -> Conversation | None:
    row = (await connection.execute(_FIND, key.values)).first()
    return Conversation(*row) if row else None


async def list_conversations(
    connection: AsyncConnection, caller: Principal, before: datetime | None, limit: int
) -> list[Conversation]:
    """Those of the caller, the one with the newest answer first."""
    values = {"tenant": caller.tenant_id, "key": caller.key_id, "before": before, "limit": limit}
    return [Conversation(*row) for row in await connection.execute(_LIST, values)]


async def count_conversations(connection: AsyncConnection, caller: Principal, limit: int) -> int:
    """Those of the caller; at most `limit` are counted."""
    values = {"tenant": caller.tenant_id, "key": caller.key_id, "limit": limit}
    return int((await connection.execute(_COUNT, values)).scalar_one())


async def delete_conversation(connection: AsyncConnection, key: ConversationKey) -> bool:
    return (await connection.execute(_DELETE, key.values)).rowcount > 0


async def add_turn(connection: AsyncConnection, key: ConversationKey, answer_id: UUID, at: datetime) -> None:
    """Adds a stored answer as the last turn, in a conversation that begins with it if there is none."""
    row = (await connection.execute(_BEGIN, key.values | {"id": new_id(), "at": at})).one()
    values = {"tenant": key.tenant_id, "conversation": row.id, "number": row.turns, "answer": answer_id}
    await connection.execute(_ADD, values)


async def last_turns(
    connection: AsyncConnection, key: ConversationKey, groups: Collection[str], limit: int
) -> list[Turn]:
    """The last turns that these access groups may read now, oldest first. Answers that were not delivered are empty."""
    return [_turn(row) for row in await _last_rows(connection, key, groups, limit)]


async def list_stored_turns(
    connection: AsyncConnection, key: ConversationKey, groups: Collection[str], limit: int
) -> list[StoredTurn]:
    """The last turns as they are shown, oldest first."""
    return [_stored_turn(row) for row in await _last_rows(connection, key, groups, limit)]


async def _last_rows(
    connection: AsyncConnection, key: ConversationKey, groups: Collection[str], limit: int
) -> Iterator[RowMapping]:
    """The oldest first."""
    values = key.values | {"groups": sorted(groups), "limit": limit}
    return reversed((await connection.execute(_TURNS, values)).mappings().all())


async def turns_of_answers(
    connection: AsyncConnection, tenant_id: UUID, ids: Sequence[UUID], groups: Collection[str]
) -> dict[UUID, Turn]:
    """Those of the answers that these access groups may read now, as turns."""
    values = {"tenant": tenant_id, "ids": list(ids), "groups": sorted(groups)}
    rows = (await connection.execute(_ANSWERS, values)).mappings()
    return {row["answer_id"]: _turn(row) for row in rows}


def _turn(row: RowMapping) -> Turn:
    body = row["body"] or {}
    return Turn(
        question=row["question"],
        answer=body.get("text") or "",
        searched_for=row["searched_for"],
        headings=_headings(body.get("citations") or []),
        answer_id=row["answer_id"],
        documents=tuple(row["documents"]),
    )


def _headings(citations: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    """Title and headings of the first passage that was cited."""
    return (citations[0]["title"], *citations[0]["headings"]) if citations else ()


def _stored_turn(row: RowMapping) -> StoredTurn:
    body = row["body"]
    return StoredTurn(
        number=row["number"],
        answer_id=row["answer_id"],
        created_at=row["created_at"],
        question=row["question"],
        searched_for=row["searched_for"],
        status=row["status"] if row["state"] == "delivered" else row["state"],
        answer=body["text"] if body else None,
    )
