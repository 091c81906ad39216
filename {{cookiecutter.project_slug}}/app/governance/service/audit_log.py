"""Reading, verifying and exporting the audit log."""

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
        """The number and hash of the newest line, of any tenant; None for an empty log."""
        async with self.database.read(None) as connection:
            return await audit.head(connection)

    async def inspect(self, exported: Head | None = None) -> Verified | Broken:
        """Recomputes the chain without adding a line to the log."""
        async with self.database.read(None) as connection:
            return await audit.verify(connection, exported)

    async def verify(self, actor: str, exported: Head | None = None) -> Verified:
        """Recomputes the whole chain, and adds a line with the result.

        exported: a head that was kept elsewhere; with it, removed newest lines are detected too. Errors: LogBroken,
        naming the first line that is wrong.
        """
        result = await self.inspect(exported)
        summary = (
            f"broken at line {result.sequence}" if isinstance(result, Broken) else f"whole up to line {result.lines}"
        )
        async with self.database.transaction(None) as connection:
            await audit.record(connection, Act(actor, VERIFY, "audit log", after=summary), self.clock.now())
        if isinstance(result, Broken):
            raise LogBroken(f"Line {result.sequence} {result.what}.")
        return result

    async def last_verified(self) -> Line | None:
        """The line of the last verification, with its result; None when there was none."""
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
