"""The advisory locks of the service, all of them: two locks with one key would wait for each other for no reason.

Every running version must agree on the keys, and a migration repeats that of RELEASES: a key never changes.
"""

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection


@dataclass(frozen=True, slots=True)
class AdvisoryLock:
    """A lock of the database that belongs to no row. key: an SQL expression of type bigint."""

    key: str

    def exclusive(self) -> str:
        """The statement that waits for the lock and holds it until the end of the transaction."""
        return f"select pg_advisory_xact_lock({self.key})"

    def shared(self) -> str:
        """As `exclusive`, beside others that share it."""
        return f"select pg_advisory_xact_lock_shared({self.key})"

    def for_session(self) -> str:
        """The statement that waits for the lock and holds it until `release` or the end of the connection."""
        return f"select pg_advisory_lock({self.key})"

    def release(self) -> str:
        return f"select pg_advisory_unlock({self.key})"


EMBEDDED_SERVER = AdvisoryLock("7305")
"""One process at a time creates the role and the databases of an embedded server."""
MIGRATIONS = AdvisoryLock("7306")
"""One process at a time changes the schema."""
INDEXES = AdvisoryLock("7307")
"""Shared by every publish, exclusive for whoever declares an index ready or switches: an index that is called complete
cannot be missing a document that is being published at that moment."""
RELEASES = AdvisoryLock("hashtext('releases')")
"""One change of releases and environments at a time."""
EVALUATION_RUNS = AdvisoryLock("hashtext('evaluation_runs')")
"""One start of an evaluation at a time."""
AUDIT_LOG = AdvisoryLock("hashtext('audit_log')")
"""One appended line at a time: each holds the hash of the line before."""
_NAMED = AdvisoryLock("hashtextextended(:name, 0)")


async def lock(connection: AsyncConnection, which: AdvisoryLock) -> None:
    """Waits for the lock; the caller's transaction holds it until its end."""
    await connection.execute(text(which.exclusive()))


async def lock_shared(connection: AsyncConnection, which: AdvisoryLock) -> None:
    """Waits until nobody holds the lock exclusively; the caller's transaction shares it until its end."""
    await connection.execute(text(which.shared()))


async def lock_name(connection: AsyncConnection, name: str) -> None:
    """As `lock`, for a lock per thing: whoever locks the same name waits for the end of the caller's transaction.

    name: what it is about and an id, as in `tickets <tenant id>`.
    """
    await connection.execute(text(_NAMED.exclusive()), {"name": name})
