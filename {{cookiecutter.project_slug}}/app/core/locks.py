"""All advisory locks of the service, in one place so that no two of them share a key.

A key never changes: every running version must agree on it, and migrations repeat those of RELEASES and BUDGETS.
"""

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection


@dataclass(frozen=True, slots=True)
class AdvisoryLock:
    """An advisory lock of PostgreSQL. key: an SQL expression of type bigint."""

    key: str

    def exclusive(self) -> str:
        """The statement that acquires the lock until the end of the transaction."""
        return f"select pg_advisory_xact_lock({self.key})"

    def shared(self) -> str:
        """As `exclusive`, for a shared lock."""
        return f"select pg_advisory_xact_lock_shared({self.key})"

    def for_session(self) -> str:
        """The statement that acquires the lock until `release` or the end of the connection."""
        return f"select pg_advisory_lock({self.key})"

    def try_for_session(self) -> str:
        """As `for_session`, without waiting: the statement returns whether the lock was acquired."""
        return f"select pg_try_advisory_lock({self.key})"

    def release(self) -> str:
        return f"select pg_advisory_unlock({self.key})"


EMBEDDED_SERVER = AdvisoryLock("7305")
"""One process at a time creates the role and the databases of an embedded server."""
MIGRATIONS = AdvisoryLock("7306")
"""One process at a time changes the schema."""
INDEXES = AdvisoryLock("7307")
"""Shared by every publish, exclusive for declaring an index ready and for switching: an index that is declared complete
cannot miss a document that is being published at that moment."""
RELEASES = AdvisoryLock("hashtext('releases')")
"""One change of releases and environments at a time."""
EVALUATION_RUNS = AdvisoryLock("hashtext('evaluation_runs')")
"""One start of an evaluation at a time."""
SUITE_FILES = AdvisoryLock("hashtext('suite_files')")
"""One change of the files in evals/ at a time: each writes a whole file."""
AUDIT_LOG = AdvisoryLock("hashtext('audit_log')")
"""One appended line at a time: each contains the hash of the line before."""
BUDGETS = AdvisoryLock("hashtext('budgets')")
"""Shared by every settlement of several shards, exclusive for collecting and sweeping: each locks shards in an order of
its own."""
_NAMED = AdvisoryLock("hashtextextended(:name, 0)")


async def lock(connection: AsyncConnection, which: AdvisoryLock) -> None:
    """Acquire the lock until the end of the caller's transaction."""
    await connection.execute(text(which.exclusive()))


async def lock_shared(connection: AsyncConnection, which: AdvisoryLock) -> None:
    """Acquire the lock in shared mode until the end of the caller's transaction."""
    await connection.execute(text(which.shared()))


async def lock_name(connection: AsyncConnection, name: str) -> None:
    """As `lock`, for a lock by name.

    name: a kind and an id, as in `tickets <tenant id>`.
    """
    await connection.execute(text(_NAMED.exclusive()), {"name": name})


async def lock_name_shared(connection: AsyncConnection, name: str) -> None:
    """As `lock_name`, in shared mode."""
    await connection.execute(text(_NAMED.shared()), {"name": name})
