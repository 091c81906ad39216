from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Row,
    Select,
    and_,
    any_,
    case,
    func,
    literal,
    not_,
    or_,
    select,
    text,
    true,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.access import readable_by
from app.review.domain.blind_review import PAIR, PairedReview, as_sent, hidden
from app.review.domain.items import URGENT, RecordedDecision, ReviewCursor, ReviewItem, ReviewOutcome
from app.review.tables import review_decisions, review_items

LISTS = ("groups", "seen_by", "documents")
ITEM = review_items.c
MADE = review_decisions.c

_OTHER = review_items.alias("twin")
_TWIN = _OTHER.c
_SIDE_BY_SIDE = select(
    review_items,
    _TWIN.state.label("twin_state"),
    _TWIN.seen_by.label("twin_seen_by"),
    func.coalesce(ITEM.original, _TWIN.original).label("sent"),
).select_from(
    review_items.outerjoin(
        _OTHER,
        and_(_TWIN.subject_id == ITEM.subject_id, _TWIN.id != ITEM.id, ITEM.kind.in_(PAIR), _TWIN.kind.in_(PAIR)),
    )
)
_DUE = text("select review_due_tenants(:at)")


@dataclass(frozen=True, slots=True)
class ReviewFilters:
    """What a listing is narrowed to; None is no matter."""

    state: str | None = "open"
    rule: str | None = None
    kind: str | None = None
    timing: str | None = None
    risk_tier: str | None = None
    level: int | None = None
    free: bool = False


async def due_tenants(connection: AsyncConnection, at: datetime) -> list[UUID]:
    return list((await connection.execute(_DUE, {"at": at})).scalars())


async def add(connection: AsyncConnection, item: ReviewItem) -> bool:
    """A second time for the same answer it does nothing, and says so."""
    lists = {name: list(getattr(item, name)) for name in LISTS}
    new = insert(review_items).values({**asdict(item), **lists})
    once = new.on_conflict_do_nothing(index_elements=["subject_id", "kind"]).returning(ITEM.id)
    return (await connection.execute(once)).first() is not None


async def find(
    connection: AsyncConnection, item_id: UUID, groups: Sequence[str], lock: bool = False
) -> ReviewItem | None:
    wanted = select(review_items).where(ITEM.id == item_id, readable_by(groups, ITEM.documents))
    row = (await connection.execute(wanted.with_for_update() if lock else wanted)).first()
    return _item(row) if row else None


async def twin(connection: AsyncConnection, item: ReviewItem) -> PairedReview | None:
    """The other look at the same text, where there is one."""
    same = select(ITEM.state, ITEM.seen_by).where(ITEM.subject_id == item.subject_id, ITEM.id != item.id)
    row = (await connection.execute(same.where(ITEM.kind.in_(PAIR)))).first() if item.kind in PAIR else None
    return PairedReview(row.state, tuple(row.seen_by)) if row else None


async def glance(
    connection: AsyncConnection, item_id: UUID, groups: Sequence[str], who: str, at: datetime
) -> tuple[ReviewItem, bool] | None:
    """An item as this person may see it, and whether anything of it is hidden from them."""
    mine = (ITEM.id == item_id, readable_by(groups, ITEM.documents))
    row = (await connection.execute(_SIDE_BY_SIDE.where(*mine))).first()
    return _as_seen(row, who, at) if row else None


async def page(
    connection: AsyncConnection,
    filters: ReviewFilters,
    groups: Sequence[str],
    who: str,
    after: ReviewCursor | None,
    limit: int,
    at: datetime,
) -> list[ReviewItem]:
    """As this person may see them, the earliest due first."""
    veiled = _hidden(who)
    wanted = _SIDE_BY_SIDE.where(readable_by(groups, ITEM.documents)).order_by(ITEM.due_at, ITEM.id).limit(limit)
    for name in ("rule", "kind", "timing", "risk_tier"):
        if (value := getattr(filters, name)) is not None:
            wanted = wanted.where(ITEM[name] == value)
    if filters.level is not None:
        told = case((veiled, case((ITEM.escalate_at <= at, URGENT), else_=0)), else_=ITEM.level)
        wanted = wanted.where(told == filters.level)
    if filters.free:
        wanted = wanted.where((ITEM.lease_until.is_(None)) | (ITEM.lease_until <= at), ITEM.due_at > at)
    if after:
        wanted = wanted.where(tuple_(ITEM.due_at, ITEM.id) > (after.due_at, after.id))
    if filters.state is None:
        return await _read(connection, wanted, who, at)
    if filters.state != "open":
        return await _read(connection, wanted.where(ITEM.state == filters.state, not_(veiled)), who, at)
    found = await _read(connection, wanted.where(ITEM.state == "open"), who, at)
    if not filters.free:
        # What has ended on one side only; looked for from the side that is open, of which there are few.
        found += await _read(connection, wanted.where(ITEM.state != "open", _TWIN.state == "open", veiled), who, at)
    return sorted(found, key=lambda item: (item.due_at, item.id))[:limit]


async def _read(connection: AsyncConnection, wanted: Select[Any], who: str, at: datetime) -> list[ReviewItem]:
    return [_as_seen(row, who, at)[0] for row in await connection.execute(wanted)]


def _as_seen(row: Row[Any], who: str, at: datetime) -> tuple[ReviewItem, bool]:
    item = _item_of({name: row._mapping[name] for name in ITEM.keys()})  # noqa: SIM118, it is a collection of columns
    other = PairedReview(row.twin_state, tuple(row.twin_seen_by)) if row.twin_state else None
    if not hidden(item, other, who):
        return item, False
    return as_sent(item, bytes(row.sent) if row.sent else None, at), True


def _hidden(who: str) -> ColumnElement[bool]:
    """What app.review.domain.blind_review.hidden says."""
    under_way = or_(ITEM.state == "open", _TWIN.state == "open")
    return and_(_TWIN.id.is_not(None), under_way, not_(_claimed_by(who)))


async def claim(connection: AsyncConnection, seen: ReviewItem, reviewer: str, until: datetime) -> ReviewItem | None:
    """One conditional update: it succeeds for one of all who saw the same item free."""
    same = and_(ITEM.id == seen.id, ITEM.state == "open", ITEM.fence == seen.fence)
    seen_by = case((_claimed_by(reviewer), ITEM.seen_by), else_=func.array_append(ITEM.seen_by, reviewer))
    lease = {"fence": ITEM.fence + 1, "lease_by": reviewer, "lease_until": until, "seen_by": seen_by}
    taken = update(review_items).where(same).values(lease)
    row = (await connection.execute(taken.returning(*review_items.c))).first()
    return _item(row) if row else None


async def change(connection: AsyncConnection, item_id: UUID, **values: Any) -> ReviewItem:
    row = await connection.execute(
        update(review_items).where(ITEM.id == item_id).values(**values).returning(*review_items.c)
    )
    return _item(row.one())


async def votes(connection: AsyncConnection, subject_id: UUID) -> list[RecordedDecision]:
    wanted = select(MADE.item_id, MADE.kind, MADE.version, MADE.reviewer, MADE.decision)
    found = await connection.execute(wanted.where(MADE.subject_id == subject_id).order_by(MADE.at, MADE.id))
    return [RecordedDecision(*row) for row in found]


async def made(connection: AsyncConnection, item_id: UUID, key: str) -> Any:
    wanted = select(MADE.request, MADE.result).where(MADE.item_id == item_id, MADE.idempotency_key == key)
    return (await connection.execute(wanted)).first()


async def record(connection: AsyncConnection, **values: Any) -> None:
    await connection.execute(insert(review_decisions).values(**values))


async def decisions(connection: AsyncConnection, item_id: UUID) -> list[Any]:
    wanted = select(MADE.at, MADE.reviewer, MADE.decision, MADE.reason, MADE.version, MADE.digest)
    return list((await connection.execute(wanted.where(MADE.item_id == item_id).order_by(MADE.at, MADE.id))).all())


async def expired(connection: AsyncConnection, at: datetime, limit: int) -> list[ReviewItem]:
    """Open items whose time is up, locked; what another worker has in hand is left to it."""
    wanted = select(review_items).where(ITEM.state == "open", ITEM.due_at <= at).order_by(ITEM.due_at).limit(limit)
    return [_item(row) for row in await connection.execute(wanted.with_for_update(skip_locked=True))]


async def escalate(connection: AsyncConnection, at: datetime) -> int:
    late = and_(ITEM.state == "open", ITEM.level == 0, ITEM.escalate_at <= at)
    return (await connection.execute(update(review_items).where(late).values(level=URGENT))).rowcount


async def end(
    connection: AsyncConnection, item: ReviewItem, state: str, outcome: ReviewOutcome, at: datetime
) -> ReviewItem:
    ended = {"state": state, "outcome": outcome, "decided_at": at, "lease_by": None, "lease_until": None}
    return await change(connection, item.id, **ended)


async def corrected(
    connection: AsyncConnection, groups: Sequence[str], limit: int
) -> list[tuple[ReviewItem, str, str]]:
    """Items whose answer was edited or rejected, newest first, each with the last reviewer and their reason."""
    last = select(MADE.reviewer, MADE.reason).where(MADE.item_id == ITEM.id).order_by(MADE.at.desc(), MADE.id.desc())
    said = last.limit(1).lateral("said")
    wanted = select(review_items, said.c.reviewer, said.c.reason).join(said, true())
    wanted = wanted.where(ITEM.kind == "answer", ITEM.outcome.in_(("edited", "rejected")))
    wanted = wanted.where(readable_by(groups, ITEM.documents))
    wanted = wanted.where(ITEM.subject_id.not_in(select(_TWIN.subject_id).where(_TWIN.state == "open")))
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


def _claimed_by(who: str) -> ColumnElement[bool]:
    return literal(who) == any_(ITEM.seen_by)


def _item(row: Row[Any]) -> ReviewItem:
    return _item_of(row._mapping)


def _item_of(values: Mapping[Any, Any]) -> ReviewItem:
    lists = {name: tuple(values[name]) for name in LISTS}
    original = values["original"]
    raw = {"payload": bytes(values["payload"]), "original": None if original is None else bytes(original)}
    return ReviewItem(**{**values, **lists, **raw})
