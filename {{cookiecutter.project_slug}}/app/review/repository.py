from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, and_, cast, select, text, true, tuple_, update
from sqlalchemy.dialects.postgresql import ARRAY, TEXT, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.review.domain.items import URGENT, Item, Outcome, Place, Vote
from app.review.tables import review_decisions, review_items

ITEM = review_items.c
MADE = review_decisions.c

_MOMENT = text("select coalesce(cast(:at as timestamptz), clock_timestamp())")
_DUE = text("select review_due_tenants(:at)")


@dataclass(frozen=True, slots=True)
class Filters:
    """What a listing is narrowed to; None is no matter."""

    state: str | None = "open"
    rule: str | None = None
    kind: str | None = None
    timing: str | None = None
    risk_tier: str | None = None
    level: int | None = None
    free: bool = False


async def moment(connection: AsyncConnection, at: datetime | None) -> datetime:
    """The database's time, which all processes share, unless `at` is given."""
    found: datetime = await connection.scalar(_MOMENT, {"at": at})
    return found


async def due_tenants(connection: AsyncConnection, at: datetime) -> list[UUID]:
    return list((await connection.execute(_DUE, {"at": at})).scalars())


async def add(connection: AsyncConnection, item: Item) -> None:
    """A second time for the same answer it does nothing."""
    new = insert(review_items).values({**asdict(item), "groups": list(item.groups), "seen_by": list(item.seen_by)})
    await connection.execute(new.on_conflict_do_nothing(index_elements=["subject_id", "kind"]))


async def find(connection: AsyncConnection, item_id: UUID, groups: Sequence[str], lock: bool = False) -> Item | None:
    wanted = select(review_items).where(ITEM.id == item_id, _seen_by(groups))
    row = (await connection.execute(wanted.with_for_update() if lock else wanted)).first()
    return _item(row) if row else None


async def page(
    connection: AsyncConnection, filters: Filters, groups: Sequence[str], after: Place | None, limit: int, at: datetime
) -> list[Item]:
    """The earliest due first."""
    wanted = select(review_items).where(_seen_by(groups)).order_by(ITEM.due_at, ITEM.id).limit(limit)
    for name in ("state", "rule", "kind", "timing", "risk_tier", "level"):
        if (value := getattr(filters, name)) is not None:
            wanted = wanted.where(ITEM[name] == value)
    if filters.free:
        wanted = wanted.where((ITEM.lease_until.is_(None)) | (ITEM.lease_until <= at), ITEM.due_at > at)
    if after:
        wanted = wanted.where(tuple_(ITEM.due_at, ITEM.id) > (after.due_at, after.id))
    return [_item(row) for row in await connection.execute(wanted)]


async def claim(connection: AsyncConnection, seen: Item, reviewer: str, until: datetime) -> Item | None:
    """One conditional update: it succeeds for one of all who saw the same item free."""
    same = and_(ITEM.id == seen.id, ITEM.state == "open", ITEM.fence == seen.fence)
    taken = update(review_items).where(same).values(fence=ITEM.fence + 1, lease_by=reviewer, lease_until=until)
    row = (await connection.execute(taken.returning(*review_items.c))).first()
    return _item(row) if row else None


async def change(connection: AsyncConnection, item_id: UUID, **values: Any) -> Item:
    row = await connection.execute(
        update(review_items).where(ITEM.id == item_id).values(**values).returning(*review_items.c)
    )
    return _item(row.one())


async def votes(connection: AsyncConnection, subject_id: UUID) -> list[Vote]:
    wanted = select(MADE.item_id, MADE.kind, MADE.version, MADE.reviewer, MADE.decision)
    found = await connection.execute(wanted.where(MADE.subject_id == subject_id).order_by(MADE.at, MADE.id))
    return [Vote(*row) for row in found]


async def made(connection: AsyncConnection, item_id: UUID, key: str) -> Any:
    wanted = select(MADE.request, MADE.result).where(MADE.item_id == item_id, MADE.idempotency_key == key)
    return (await connection.execute(wanted)).first()


async def record(connection: AsyncConnection, **values: Any) -> None:
    await connection.execute(insert(review_decisions).values(**values))


async def decisions(connection: AsyncConnection, item_id: UUID) -> list[Any]:
    wanted = select(MADE.at, MADE.reviewer, MADE.decision, MADE.reason, MADE.version, MADE.digest)
    return list((await connection.execute(wanted.where(MADE.item_id == item_id).order_by(MADE.at, MADE.id))).all())


async def expired(connection: AsyncConnection, at: datetime, limit: int) -> list[Item]:
    """Open items whose time is up, locked; what another worker has in hand is left to it."""
    wanted = select(review_items).where(ITEM.state == "open", ITEM.due_at <= at).order_by(ITEM.due_at).limit(limit)
    return [_item(row) for row in await connection.execute(wanted.with_for_update(skip_locked=True))]


async def escalate(connection: AsyncConnection, at: datetime) -> int:
    late = and_(ITEM.state == "open", ITEM.level == 0, ITEM.escalate_at <= at)
    return (await connection.execute(update(review_items).where(late).values(level=URGENT))).rowcount


async def end(connection: AsyncConnection, item: Item, state: str, outcome: Outcome, at: datetime) -> Item:
    ended = {"state": state, "outcome": outcome, "decided_at": at, "lease_by": None, "lease_until": None}
    return await change(connection, item.id, **ended)


async def corrected(connection: AsyncConnection, groups: Sequence[str], limit: int) -> list[tuple[Item, str, str]]:
    """Items whose answer was edited or rejected, newest first, each with the last reviewer and their reason."""
    last = select(MADE.reviewer, MADE.reason).where(MADE.item_id == ITEM.id).order_by(MADE.at.desc(), MADE.id.desc())
    said = last.limit(1).lateral("said")
    wanted = select(review_items, said.c.reviewer, said.c.reason).join(said, true())
    wanted = wanted.where(ITEM.kind == "answer", ITEM.outcome.in_(("edited", "rejected")), _seen_by(groups))
    found = await connection.execute(wanted.order_by(ITEM.decided_at.desc(), ITEM.id).limit(limit))
    columns = [column.name for column in review_items.c]
    return [(_item_of({name: row._mapping[name] for name in columns}), row.reviewer, row.reason) for row in found]


async def labels(connection: AsyncConnection) -> list[list[str]]:
    """For each answer that two people judged without knowing of each other, what they made of it."""
    pairs = text(
        "select array_agg(outcome order by kind) from review_items "
        "where state = 'decided' and subject_id in (select subject_id from review_items where kind = 'overlap') "
        "group by subject_id having count(*) = 2"
    )
    return list((await connection.execute(pairs)).scalars())


def _seen_by(groups: Sequence[str]) -> Any:
    """An answer made for access groups is shown only to who holds them all."""
    return ITEM.groups.op("<@")(cast(list(groups), ARRAY(TEXT)))


def _item(row: Row[Any]) -> Item:
    return _item_of(row._mapping)


def _item_of(values: Mapping[Any, Any]) -> Item:
    lists = {name: tuple(values[name]) for name in ("groups", "seen_by")}
    return Item(**{**values, **lists, "payload": bytes(values["payload"])})
