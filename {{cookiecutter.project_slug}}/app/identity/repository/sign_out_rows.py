"""Sign-outs at the identity provider. They are of no tenant: a person may be in several."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import delete, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.locks import lock_name, lock_name_shared
from app.identity.domain.sign_outs import SignOut
from app.identity.tables import logout_tokens, sign_outs

_END_SESSIONS = text("select tenant_id, identity_id, sessions from end_provider_sessions(:issuer, :subject, :session)")


class EndedIdentity(NamedTuple):
    """An identity of the person. sessions: number of its sessions that were ended."""

    tenant_id: UUID
    identity_id: UUID
    sessions: int


async def lock(connection: AsyncConnection, digests: Sequence[bytes], *, shared: bool) -> None:
    """Until the end of the transaction. shared: for who signs in, so that a sign-out waits for that, or precedes it."""
    for digest in sorted(digests):
        await (lock_name_shared if shared else lock_name)(connection, f"sign-out {digest.hex()}")


async def moments(connection: AsyncConnection, digests: Sequence[bytes]) -> list[float]:
    """When what these digests stand for was ended, where it was."""
    return list((await connection.execute(select(sign_outs.c.at).where(sign_outs.c.digest.in_(digests)))).scalars())


async def add_token(connection: AsyncConnection, sign_out: SignOut, ends_at: datetime, now: datetime) -> bool:
    """Note a logout token; False where it was noted before. Also forgets those that have ended."""
    await connection.execute(delete(logout_tokens).where(logout_tokens.c.ends_at < now))
    new = insert(logout_tokens).values(digest=sign_out.token_digest, ends_at=ends_at).on_conflict_do_nothing()
    return (await connection.execute(new.returning(logout_tokens.c.digest))).first() is not None


async def add(connection: AsyncConnection, sign_out: SignOut, ends_at: datetime, now: datetime) -> None:
    """ends_at: when no token of before is valid any more. Also forgets those whose tokens have ended."""
    await connection.execute(delete(sign_outs).where(sign_outs.c.ends_at < now))
    new = insert(sign_outs).values([{"digest": each, "at": sign_out.at, "ends_at": ends_at} for each in sign_out.ended])
    later = {name: func.greatest(sign_outs.c[name], new.excluded[name]) for name in ("at", "ends_at")}
    await connection.execute(new.on_conflict_do_update(index_elements=["digest"], set_=later))


async def end_sessions(connection: AsyncConnection, sign_out: SignOut) -> list[EndedIdentity]:
    """End the sessions of the console in every tenant. Returns the identities of the person."""
    values = {"issuer": sign_out.issuer, "subject": sign_out.subject, "session": sign_out.session}
    return [EndedIdentity(*row) for row in await connection.execute(_END_SESSIONS, values)]
