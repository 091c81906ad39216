from dataclasses import asdict
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, insert, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.identity.domain.sessions import ConsoleSession, SealedSecret, SignInAttempt, StoredAttempt, digest
from app.identity.tables import console_sessions, sign_in_attempts

_FIND = text(
    "select tenant_id, identity_id, created_at, used_at, provider_session, refreshed_at from console_session(:digest)"
)


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


async def add_session(
    connection: AsyncConnection, key: bytes, session: ConsoleSession, refresh_token: SealedSecret | None
) -> None:
    await connection.execute(
        insert(console_sessions).values(
            digest=key,
            **asdict(session),
            refresh_token=refresh_token.content if refresh_token else None,
            key_version=refresh_token.key_version if refresh_token else None,
        )
    )


async def find_session(connection: AsyncConnection, key: bytes) -> ConsoleSession | None:
    """Of any tenant."""
    row = (await connection.execute(_FIND, {"digest": key})).first()
    return ConsoleSession(**row._mapping) if row else None


async def touch_session(connection: AsyncConnection, key: bytes, at: datetime) -> None:
    await connection.execute(update(console_sessions).where(console_sessions.c.digest == key).values(used_at=at))


async def claim_refresh(
    connection: AsyncConnection, key: bytes, session: ConsoleSession, now: datetime, before: datetime
) -> SealedSecret | None:
    """The refresh token, for one process until it stores another one; None where another process has claimed it since
    `before`, or has used it.
    """
    table = console_sessions.c
    unclaimed = table.refresh_claimed_at.is_(None) | (table.refresh_claimed_at < before)
    mine = update(console_sessions).where(table.digest == key, table.refreshed_at == session.refreshed_at, unclaimed)
    claimed = mine.values(refresh_claimed_at=now).returning(table.refresh_token, table.key_version)
    row = (await connection.execute(claimed)).first()
    return SealedSecret(bytes(row.refresh_token), row.key_version) if row else None


async def store_refresh(connection: AsyncConnection, key: bytes, token: SealedSecret, at: datetime) -> None:
    """Nothing happens for a session that has ended meanwhile."""
    values = {"refresh_token": token.content, "key_version": token.key_version, "refreshed_at": at}
    mine = update(console_sessions).where(console_sessions.c.digest == key)
    await connection.execute(mine.values(**values, refresh_claimed_at=None))


async def remove_session(connection: AsyncConnection, key: bytes) -> None:
    await connection.execute(delete(console_sessions).where(console_sessions.c.digest == key))


async def remove_sessions(connection: AsyncConnection, identity_id: UUID, created_before: datetime) -> None:
    """The sessions of one identity that have ended in any case."""
    ended = (console_sessions.c.identity_id == identity_id) & (console_sessions.c.created_at < created_before)
    await connection.execute(delete(console_sessions).where(ended))
