from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, insert, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.identity.domain.sessions import ConsoleSession, SignInAttempt, StoredAttempt, digest
from app.identity.tables import console_sessions, sign_in_attempts

_FIND = text("select tenant_id, identity_id, created_at, used_at from find_console_session(:digest)")


async def add_attempt(connection: AsyncConnection, attempt: SignInAttempt, at: datetime, expired: datetime) -> None:
    """Also removes the attempts of before `expired`."""
    await connection.execute(delete(sign_in_attempts).where(sign_in_attempts.c.created_at < expired))
    values = {"browser": digest(attempt.browser), "nonce": attempt.nonce, "verifier": attempt.verifier}
    await connection.execute(insert(sign_in_attempts).values(state=digest(attempt.state), created_at=at, **values))


async def take_attempt(connection: AsyncConnection, state: str) -> StoredAttempt | None:
    """The attempt of this state, which is used up; None for an unknown one and for one that was used before."""
    table = sign_in_attempts.c
    taken = delete(sign_in_attempts).where(table.state == digest(state))
    row = (
        await connection.execute(taken.returning(table.browser, table.nonce, table.verifier, table.created_at))
    ).first()
    return StoredAttempt(**row._mapping) if row else None


async def add_session(connection: AsyncConnection, key: bytes, session: ConsoleSession) -> None:
    await connection.execute(
        insert(console_sessions).values(
            digest=key,
            tenant_id=session.tenant_id,
            identity_id=session.identity_id,
            created_at=session.created_at,
            used_at=session.used_at,
        )
    )


async def find_session(connection: AsyncConnection, key: bytes) -> ConsoleSession | None:
    """Of any tenant."""
    row = (await connection.execute(_FIND, {"digest": key})).first()
    return ConsoleSession(**row._mapping) if row else None


async def touch_session(connection: AsyncConnection, key: bytes, at: datetime) -> None:
    await connection.execute(update(console_sessions).where(console_sessions.c.digest == key).values(used_at=at))


async def remove_session(connection: AsyncConnection, key: bytes) -> None:
    await connection.execute(delete(console_sessions).where(console_sessions.c.digest == key))


async def remove_sessions(connection: AsyncConnection, identity_id: UUID, created_before: datetime) -> None:
    """The sessions of one identity that have ended in any case."""
    ended = (console_sessions.c.identity_id == identity_id) & (console_sessions.c.created_at < created_before)
    await connection.execute(delete(console_sessions).where(ended))
