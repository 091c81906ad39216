from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, NamedTuple
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
from app.review.domain.blind_review import PAIRED_KINDS, PairedReview, as_first_sent, is_hidden
from app.review.domain.case_candidate import CaseCandidate
from app.review.domain.items import (
    OVERDUE,
    DecisionRecord,
    DecisionResult,
    PastDecision,
    RecordedDecision,
    ReviewCursor,
    ReviewItem,
    ReviewOutcome,
    ReviewState,
)
from app.review.tables import review_decisions, review_items

_LIST_COLUMNS = ("groups", "seen_by", "documents")
ITEM = review_items.c
DECISION = review_decisions.c
NO_LEASE: dict[str, Any] = {"lease_by": None, "lease_until": None}

_PAIR_ITEMS = review_items.alias("pair")
_PAIR = _PAIR_ITEMS.c
_WITH_PAIR = select(
    review_items,
    _PAIR.state.label("pair_state"),
    _PAIR.seen_by.label("pair_seen_by"),
    func.coalesce(ITEM.original, _PAIR.original).label("sent"),
).select_from(
    review_items.outerjoin(
        _PAIR_ITEMS,
        and_(
            _PAIR.subject_id == ITEM.subject_id,
            _PAIR.id != ITEM.id,
            ITEM.kind.in_(PAIRED_KINDS),
            _PAIR.kind.in_(PAIRED_KINDS),
        ),
    )
)
_DUE = text("select review_due_tenants(:at)")


class StoredResult(NamedTuple):
    request: bytes
    result: DecisionResult


@dataclass(frozen=True, slots=True)
class ReviewFilters:
    """Filters of a listing; None does not filter. free: only items without a lease that have not expired."""

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
    """Whether it was added; False when the subject has an item of this kind already."""
    lists = {name: list(getattr(item, name)) for name in _LIST_COLUMNS}
    new = insert(review_items).values({**asdict(item), **lists})
    added = new.on_conflict_do_nothing(index_elements=["tenant_id", "subject_id", "kind"]).returning(ITEM.id)
    return (await connection.execute(added)).first() is not None


async def find(
    connection: AsyncConnection, item_id: UUID, groups: Sequence[str], lock: bool = False
) -> ReviewItem | None:
    query = select(review_items).where(ITEM.id == item_id, readable_by(groups, ITEM.documents))
    row = (await connection.execute(query.with_for_update() if lock else query)).first()
    return _item(row) if row else None


async def find_pair(connection: AsyncConnection, item: ReviewItem) -> PairedReview | None:
    """The other item of a blind pair, where there is one."""
    same = select(ITEM.state, ITEM.seen_by).where(ITEM.subject_id == item.subject_id, ITEM.id != item.id)
    row = (
        (await connection.execute(same.where(ITEM.kind.in_(PAIRED_KINDS)))).first()
        if item.kind in PAIRED_KINDS
        else None
    )
    return PairedReview(row.state, tuple(row.seen_by)) if row else None


async def find_visible(
    connection: AsyncConnection, item_id: UUID, groups: Sequence[str], who: str, at: datetime
) -> tuple[ReviewItem, bool] | None:
    """An item as this person may see it, and whether its state is hidden from them."""
    readable = (ITEM.id == item_id, readable_by(groups, ITEM.documents))
    row = (await connection.execute(_WITH_PAIR.where(*readable))).first()
    return _as_seen(row, who, at) if row else None


async def list_items(
    connection: AsyncConnection,
    filters: ReviewFilters,
    groups: Sequence[str],
    who: str,
    after: ReviewCursor | None,
    limit: int,
    at: datetime,
) -> list[ReviewItem]:
    """Items as this person may see them, the earliest due first."""
    is_hidden_from = _hidden(who)
    query = _WITH_PAIR.where(readable_by(groups, ITEM.documents)).order_by(ITEM.due_at, ITEM.id).limit(limit)
    for name in ("rule", "kind", "timing", "risk_tier"):
        if (value := getattr(filters, name)) is not None:
            query = query.where(ITEM[name] == value)
    if filters.level is not None:
        visible_level = case((is_hidden_from, case((ITEM.escalate_at <= at, OVERDUE), else_=0)), else_=ITEM.level)
        query = query.where(visible_level == filters.level)
    if filters.free:
        query = query.where((ITEM.lease_until.is_(None)) | (ITEM.lease_until <= at), ITEM.due_at > at)
    if after:
        query = query.where(tuple_(ITEM.due_at, ITEM.id) > (after.at, after.id))
    if filters.state is None:
        return await _read(connection, query, who, at)
    if filters.state != "open":
        return await _read(connection, query.where(ITEM.state == filters.state, not_(is_hidden_from)), who, at)
    items = await _read(connection, query.where(ITEM.state == "open"), who, at)
    if not filters.free:
        # Ended items whose pair is still open look open; selected by the open pair, of which there are few.
        items += await _read(
            connection, query.where(ITEM.state != "open", _PAIR.state == "open", is_hidden_from), who, at
        )
    return sorted(items, key=lambda item: (item.due_at, item.id))[:limit]


async def _read(connection: AsyncConnection, query: Select[Any], who: str, at: datetime) -> list[ReviewItem]:
    return [_as_seen(row, who, at)[0] for row in await connection.execute(query)]


def _as_seen(row: Row[Any], who: str, at: datetime) -> tuple[ReviewItem, bool]:
    item = _item_of({name: row._mapping[name] for name in ITEM.keys()})  # noqa: SIM118, it is a collection of columns
    other = PairedReview(row.pair_state, tuple(row.pair_seen_by)) if row.pair_state else None
    if not is_hidden(item, other, who):
        return item, False
    return as_first_sent(item, bytes(row.sent) if row.sent else None, at), True


def _hidden(who: str) -> ColumnElement[bool]:
    """The SQL of app.review.domain.blind_review.is_hidden."""
    undecided = or_(ITEM.state == "open", _PAIR.state == "open")
    return and_(_PAIR.id.is_not(None), undecided, not_(_claimed_by(who)))


async def claim(connection: AsyncConnection, seen: ReviewItem, reviewer: str, until: datetime) -> ReviewItem | None:
    """One conditional update: of all who saw the same fence, one succeeds and the others get None."""
    unchanged = and_(ITEM.id == seen.id, ITEM.state == "open", ITEM.fence == seen.fence)
    seen_by = case((_claimed_by(reviewer), ITEM.seen_by), else_=func.array_append(ITEM.seen_by, reviewer))
    lease = {"fence": ITEM.fence + 1, "lease_by": reviewer, "lease_until": until, "seen_by": seen_by}
    claimed = update(review_items).where(unchanged).values(lease)
    row = (await connection.execute(claimed.returning(*review_items.c))).first()
    return _item(row) if row else None


async def change(connection: AsyncConnection, item_id: UUID, **values: Any) -> ReviewItem:
    row = await connection.execute(
        update(review_items).where(ITEM.id == item_id).values(**values).returning(*review_items.c)
    )
    return _item(row.one())


async def list_recorded(connection: AsyncConnection, subject_id: UUID) -> list[RecordedDecision]:
    """All decisions on an answer or action, the oldest first."""
    query = select(DECISION.item_id, DECISION.kind, DECISION.version, DECISION.reviewer, DECISION.decision)
    rows = await connection.execute(query.where(DECISION.subject_id == subject_id).order_by(DECISION.at, DECISION.id))
    return [RecordedDecision(*row) for row in rows]


async def find_result(connection: AsyncConnection, item_id: UUID, key: str) -> StoredResult | None:
    """What was decided on this item under this idempotency key."""
    query = select(DECISION.request, DECISION.result)
    row = (await connection.execute(query.where(DECISION.item_id == item_id, DECISION.idempotency_key == key))).first()
    if row is None:
        return None
    return StoredResult(bytes(row.request), DecisionResult(**{**row.result, "id": UUID(row.result["id"])}))


async def add_decision(
    connection: AsyncConnection, record: DecisionRecord, key: str, request: bytes, result: DecisionResult
) -> None:
    """key: the idempotency key; request: the digest of the request that it came with."""
    stored = {"idempotency_key": key, "request": request, "result": {**asdict(result), "id": str(result.id)}}
    await connection.execute(insert(review_decisions).values(**asdict(record), **stored))


async def list_decisions(connection: AsyncConnection, item_id: UUID) -> list[PastDecision]:
    columns = (DECISION.at, DECISION.reviewer, DECISION.decision, DECISION.reason, DECISION.version, DECISION.digest)
    query = select(*columns).where(DECISION.item_id == item_id).order_by(DECISION.at, DECISION.id)
    return [PastDecision(*row) for row in await connection.execute(query)]


async def list_expired(connection: AsyncConnection, at: datetime, limit: int) -> list[ReviewItem]:
    """Open items past their deadline, locked; those that another worker has locked are skipped."""
    query = select(review_items).where(ITEM.state == "open", ITEM.due_at <= at).order_by(ITEM.due_at).limit(limit)
    return [_item(row) for row in await connection.execute(query.with_for_update(skip_locked=True))]


async def escalate(connection: AsyncConnection, at: datetime) -> int:
    late = and_(ITEM.state == "open", ITEM.level == 0, ITEM.escalate_at <= at)
    return (await connection.execute(update(review_items).where(late).values(level=OVERDUE))).rowcount


async def end(
    connection: AsyncConnection, item: ReviewItem, state: ReviewState, outcome: ReviewOutcome, at: datetime
) -> ReviewItem:
    return await change(connection, item.id, state=state, outcome=outcome, decided_at=at, **NO_LEASE)


async def list_corrected(connection: AsyncConnection, groups: Sequence[str], limit: int) -> list[CaseCandidate]:
    """Edited and rejected answers, newest first. None whose blind pair is still open."""
    newest_first = (DECISION.at.desc(), DECISION.id.desc())
    decisions = select(DECISION.reviewer, DECISION.reason).where(DECISION.item_id == ITEM.id).order_by(*newest_first)
    last = decisions.limit(1).lateral("last")
    query = (
        select(review_items, last.c.reviewer, last.c.reason)
        .join(last, true())
        .where(ITEM.kind == "answer", ITEM.outcome.in_(("edited", "rejected")), readable_by(groups, ITEM.documents))
        .where(ITEM.subject_id.not_in(select(_PAIR.subject_id).where(_PAIR.state == "open")))
        .order_by(ITEM.decided_at.desc(), ITEM.id)
        .limit(limit)
    )
    columns = [column.name for column in review_items.c]
    return [
        CaseCandidate(_item_of({name: row._mapping[name] for name in columns}), row.reviewer, row.reason)
        for row in await connection.execute(query)
    ]


async def list_paired_outcomes(connection: AsyncConnection) -> list[list[str]]:
    """The two outcomes of each blind pair that both people have decided."""
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
    lists = {name: tuple(values[name]) for name in _LIST_COLUMNS}
    original = values["original"]
    raw = {"payload": bytes(values["payload"]), "original": None if original is None else bytes(original)}
    return ReviewItem(**{**values, **lists, **raw})
