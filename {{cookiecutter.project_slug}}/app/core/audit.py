"""The audit log: every control-plane act, each line chained by its hash to the one before."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

from sqlalchemy import insert, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.errors import Conflict, Invalid
from app.core.locks import AUDIT_LOG, lock
from app.core.redaction import redact
from app.core.tables import audit_log
from app.core.telemetry import current_trace_id

GENESIS = "0" * 64
"""The previous hash of the first line."""
BATCH = 2000

SCRUB = "privacy.scrub"
"""The action of a line that records that text was erased from another line: `before` is the hash of that line, `after`
the hash of what is left of it."""

_ERASE_LINE = text("select erase_audit_line(:sequence, :actor, :subject, :before, :after, :reason)")
_HEAD = text("select sequence, hash from audit_head()")


class LogBroken(Conflict):
    code, title = "audit_log_broken", "The audit log was changed after it was written"
    action = "Compare it with the last export; find out who had the database owner's access since then."


class HeadUnusable(Invalid):
    code, title = "audit_head_unusable", "The file contains no head of the audit log"
    action = "Give a file that 'app audit export' wrote, or the reply of GET /v1/audit/head."


@dataclass(frozen=True, slots=True)
class Act:
    """Who did what to what, and why. before, after: digests, or a few words of state; never text of users.

    tenant_id: the tenant concerned; None for the whole service.
    """

    actor: str
    action: str
    subject: str
    reason: str = ""
    before: str | None = None
    after: str | None = None
    tenant_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Head:
    """The newest line. A copy outside of the database proves later that no line up to it was removed or rewritten."""

    sequence: int
    hash: str

    @classmethod
    def read(cls, content: str) -> "Head":
        """Parse the head from the end of an export, or from a file of its own. Errors: HeadUnusable."""
        try:
            last = json.loads(content.rstrip().rpartition("\n")[2])
            head = last.get("head", last)
            return cls(int(head["sequence"]), str(head["hash"]))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise HeadUnusable() from error


@dataclass(frozen=True, slots=True)
class Line:
    """A stored act."""

    sequence: int
    at: datetime
    actor: str
    action: str
    subject: str
    before: str | None
    after: str | None
    reason: str
    trace_id: str
    tenant_id: UUID | None
    previous: str
    hash: str

    def as_dict(self) -> dict[str, Any]:
        values: dict[str, Any] = {name: getattr(self, name) for name in self.__slots__}
        values["at"] = self.at.astimezone(UTC).isoformat(timespec="microseconds")
        values["tenant_id"] = str(self.tenant_id) if self.tenant_id else None
        return values

    def computed(self) -> str:
        """SHA-256 of the line without its hash, as canonical JSON."""
        content = self.as_dict()
        del content["hash"]
        return sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Verified:
    """Every line is unchanged, from the first to the head. head: None for an empty log."""

    lines: int
    head: Head | None


@dataclass(frozen=True, slots=True)
class Broken:
    """The first line that was changed, and how."""

    sequence: int
    what: str


async def record(connection: AsyncConnection, act: Act, at: datetime) -> int:
    """Append a line in the caller's transaction, so that the act and its line are committed together.

    Other appends wait for the end of that transaction, so call this late in it. Returns the sequence of the line, which
    has no gaps.
    """
    return await record_all(connection, [act], at)


async def record_all(connection: AsyncConnection, acts: Sequence[Act], at: datetime) -> int:
    """As `record`, a line for each act. Returns the sequence of the last line of the log."""
    await lock(connection, AUDIT_LOG)
    last = await head(connection) or Head(0, GENESIS)
    lines = []
    for act in acts:
        lines.append(_line(act, at, last))
        last = Head(lines[-1].sequence, lines[-1].hash)
    if lines:
        await connection.execute(insert(audit_log), [asdict(line) for line in lines])
    return last.sequence


def _line(act: Act, at: datetime, last: Head) -> Line:
    line = Line(
        sequence=last.sequence + 1,
        at=at.astimezone(UTC),
        actor=_storable(act.actor),
        action=act.action,
        subject=_storable(act.subject),
        before=None if act.before is None else _storable(act.before),
        after=None if act.after is None else _storable(act.after),
        reason=_storable(act.reason),
        trace_id=current_trace_id(),
        tenant_id=act.tenant_id,
        previous=last.hash,
        hash="",
    )
    return replace(line, hash=line.computed())


def _storable(value: str) -> str:
    return redact(value).replace("\0", "\N{REPLACEMENT CHARACTER}").encode(errors="replace").decode()


async def head(connection: AsyncConnection) -> Head | None:
    """The newest line's sequence and hash, of any tenant; None for an empty log."""
    row = (await connection.execute(_HEAD)).first()
    return Head(row.sequence, row.hash) if row and row.sequence else None


async def page(connection: AsyncConnection, limit: int, below: int | None = None) -> list[Line]:
    """The newest lines, newest first: those of the transaction's tenant, or all lines without a tenant.
    below: only lines with a smaller sequence.
    """
    query = select(audit_log).order_by(audit_log.c.sequence.desc()).limit(limit)
    if below is not None:
        query = query.where(audit_log.c.sequence < below)
    return [Line(*row) for row in await connection.execute(query)]


async def latest(connection: AsyncConnection, action: str) -> Line | None:
    """The newest line of an action."""
    query = select(audit_log).where(audit_log.c.action == action).order_by(audit_log.c.sequence.desc()).limit(1)
    row = (await connection.execute(query)).first()
    return Line(*row) if row else None


async def lines(connection: AsyncConnection) -> AsyncIterator[Line]:
    """Every line in order, read in batches."""
    place = tuple_(audit_log.c.sequence, audit_log.c.hash)  # with the hash: no duplicate at a batch's end is skipped
    batch = select(audit_log).order_by(place).limit(BATCH)
    rows = (await connection.execute(batch)).all()
    while rows:
        for row in rows:
            yield Line(*row)
        rows = (await connection.execute(batch.where(place > (rows[-1].sequence, rows[-1].hash)))).all()


async def erase_text(connection: AsyncConnection, line: Line, left: Line, actor: str, at: datetime) -> None:
    """Replace the texts of a line by those of `left`, and record it in a line of its own.

    The hash of the line stays, so that the chain stays whole; the new line holds the hash of what is left, so that any
    other change of the line is found.
    """
    values = {name: getattr(left, name) for name in ("actor", "subject", "before", "after", "reason")}
    await connection.execute(_ERASE_LINE, {"sequence": line.sequence, **values})
    act = Act(actor, SCRUB, f"line {line.sequence}", before=line.hash, after=left.computed(), tenant_id=line.tenant_id)
    await record(connection, act, at)


async def scrubbed(connection: AsyncConnection) -> dict[int, tuple[str, str]]:
    """The hash of each line from which text was erased, and of what was left of it last."""
    columns = (audit_log.c.subject, audit_log.c.before, audit_log.c.after)
    query = select(*columns).where(audit_log.c.action == SCRUB).order_by(audit_log.c.sequence)
    rows = await connection.execute(query)
    return {int(row.subject.removeprefix("line ")): (row.before, row.after) for row in rows}


async def verify(connection: AsyncConnection, exported: Head | None = None) -> Verified | Broken:
    """Recompute the whole chain. Finds a line that was edited, deleted, inserted or moved, and two that continue the
    same one; with an `exported` head also a removed tail and a rewritten history. Text that was erased, and that a
    line of the chain says so of, is no edit.
    """
    chain = Chain(exported, await scrubbed(connection))
    async for line in lines(connection):
        if broken := chain.verify(line):
            return broken
    return chain.end()


class Chain:
    """Verifies lines one by one, in order, and reports the first that does not fit."""

    def __init__(self, exported: Head | None = None, scrubbed: Mapping[int, tuple[str, str]] | None = None) -> None:
        self._exported = exported
        self._scrubbed = scrubbed or {}
        self._last: Line | None = None

    def verify(self, line: Line) -> Broken | None:
        broken = self._fault(line)
        self._last = line
        return broken

    def end(self) -> Verified | Broken:
        last = self._last
        if self._exported and self._exported.sequence > (last.sequence if last else 0):
            missing = last.sequence + 1 if last else 1
            return Broken(missing, f"is missing: the exported head is line {self._exported.sequence}")
        return Verified(last.sequence, Head(last.sequence, last.hash)) if last else Verified(0, None)

    def _fault(self, line: Line) -> Broken | None:
        number, tip = (self._last.sequence, self._last.hash) if self._last else (0, GENESIS)
        if line.sequence > number + 1:
            return Broken(number + 1, f"is missing: line {line.sequence} is the next")
        if line.sequence <= number:
            return Broken(line.sequence, "is there twice")
        if line.previous != tip:
            return self._out_of_chain(line)
        if line.hash != line.computed() and self._scrubbed.get(line.sequence) != (line.hash, line.computed()):
            return Broken(line.sequence, "was edited: its content does not fit its hash")
        if self._exported and self._exported.sequence == line.sequence and self._exported.hash != line.hash:
            return Broken(line.sequence, "is not the line that was exported: the log was rewritten")
        return None

    def _out_of_chain(self, line: Line) -> Broken:
        last = self._last
        beside = last is not None and line.previous == last.previous
        if last and beside and replace(line, sequence=last.sequence).computed() == line.hash:
            return Broken(last.sequence, f"was inserted: line {line.sequence} was line {last.sequence} when written")
        if last and beside and line.hash == line.computed():
            return Broken(line.sequence, f"continues line {last.sequence - 1}, as line {last.sequence} does")
        if line.hash != line.computed():
            return Broken(line.sequence, "was moved: it was written with another number")
        return Broken(line.sequence, f"does not continue line {line.sequence - 1}")
