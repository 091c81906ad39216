"""The audit log, as operators read and check it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from uuid import UUID

import orjson

from app.core import audit
from app.core.audit import Act, Broken, Head, Line, LogBroken, Verified
from app.core.clock import Clock
from app.core.database import Database

VERIFY = "audit.verify"


@dataclass(frozen=True)
class AuditLog:
    database: Database
    clock: Clock

    async def page(self, limit: int, below: int | None = None, tenant_id: UUID | None = None) -> Sequence[Line]:
        """The newest lines, newest first. tenant_id: only those of this tenant."""
        async with self.database.read(tenant_id) as connection:
            return await audit.page(connection, limit, below)

    async def head(self) -> Head | None:
        async with self.database.read(None) as connection:
            return await audit.head(connection)

    async def look(self, exported: Head | None = None) -> Verified | Broken:
        """Recomputes the chain, and leaves no line about it."""
        async with self.database.read(None) as connection:
            return await audit.verify(connection, exported)

    async def verify(self, actor: str, exported: Head | None = None) -> Verified:
        """Recomputes the whole chain, and writes down that somebody did and what they found.

        exported: a head that was kept elsewhere; with it, a cut tail is found too. Errors: LogBroken, naming the first
        line that is wrong.
        """
        found = await self.look(exported)
        said = f"broken at line {found.sequence}" if isinstance(found, Broken) else f"whole up to line {found.lines}"
        async with self.database.transaction(None) as connection:
            await audit.record(connection, Act(actor, VERIFY, "audit log", after=said), self.clock.now())
        if isinstance(found, Broken):
            raise LogBroken(f"Line {found.sequence} {found.what}.")
        return found

    async def last_verified(self) -> Line | None:
        """When somebody last verified the log, and what they found."""
        async with self.database.read(None) as connection:
            return await audit.latest(connection, VERIFY)

    async def export(self, write: Callable[[bytes], object]) -> Head | None:
        """Writes every line as a line of JSON, oldest first, and the head as the last one."""
        head = None
        async with self.database.read(None) as connection:
            async for line in audit.lines(connection):
                write(orjson.dumps(line.as_dict()) + b"\n")
                head = Head(line.sequence, line.hash)
        write(orjson.dumps({"head": head}) + b"\n")
        return head
