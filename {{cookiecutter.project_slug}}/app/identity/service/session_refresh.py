"""What a session of the console gives is asked for again, by refresh token, as long as the provider agrees."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

import structlog

from app.core import audit
from app.core.audit import Act
from app.core.clock import Clock
from app.core.database import Database, notify
from app.core.telemetry import counter
from app.identity.domain import IDENTITY_CHANGED
from app.identity.domain.identification import identity_id
from app.identity.domain.sessions import ConsoleSession, SessionEnded, SignInRefused
from app.identity.domain.tokens import IdentityNotMapped, IssuerUnavailable, TokenGrant, TokenRefused
from app.identity.ports import IssuedTokens, SecretSealing, SignInProvider
from app.identity.repository import session_rows
from app.identity.service.provider_sign_outs import PROVIDER
from app.identity.service.sign_in_grants import SignInGrants

log = structlog.get_logger(__name__)

REFRESHES = counter(
    "app_session_refreshes_total", "Refreshes of console sessions, by outcome or reason of the refusal.", ["outcome"]
)
CLAIM_SECONDS: Final = 30
"""How long one process has for a refresh, before another one may try: a refresh token may be used once."""


@dataclass(frozen=True)
class SessionRefresh:
    """Refreshes sessions that have a refresh token, one process at a time."""

    database: Database
    clock: Clock
    grants: SignInGrants
    provider: SignInProvider
    sealing: SecretSealing

    def is_due(self, session: ConsoleSession, now: datetime) -> bool:
        """Never for a session that has no refresh token."""
        return session.refreshed_at is not None and now - session.refreshed_at >= self._interval

    async def refresh(self, key: bytes, session: ConsoleSession) -> None:
        """Store what the provider gives now. Nothing happens while another process asks, or the provider is down,
        until the session has not been refreshed for too long.

        Errors: SessionEnded.
        """
        now = self.clock.now()
        token = await self._claim(key, session, now)
        if token is not None:
            try:
                issued = await self.provider.refresh(token)
                grant = await self._grant(issued, session)
                await self._store(key, session, issued.refresh_token or token, grant)
            except (SignInRefused, TokenRefused, IdentityNotMapped) as refused:
                reason = refused.reason if isinstance(refused, SignInRefused) else refused.label
                await self._end(key, session, reason)
            except IssuerUnavailable as down:
                REFRESHES.labels("unavailable").inc()
                log.warning("identity.session_not_refreshed", reason=down.detail)
            else:
                REFRESHES.labels("refreshed").inc()
                return
        if session.refreshed_at and now - session.refreshed_at >= self._longest:
            await self._end(key, session, "unavailable")

    async def _claim(self, key: bytes, session: ConsoleSession, now: datetime) -> str | None:
        """The refresh token; None while another process has it. Errors: SessionEnded."""
        before = now - timedelta(seconds=CLAIM_SECONDS)
        async with self.database.transaction(session.tenant_id) as connection:
            sealed = await session_rows.claim_refresh(connection, key, session, now, before)
            if sealed is None:
                return None
            token = await self.sealing.open(connection, session.tenant_id, sealed)
        if token is None:
            await self._end(key, session, "sealed")
        return token

    async def _grant(self, issued: IssuedTokens, session: ConsoleSession) -> TokenGrant:
        """Errors: TokenRefused, IdentityNotMapped, IssuerUnavailable, SignInRefused."""
        grant = await self.grants.of_refresh(issued)
        if identity_id(session.tenant_id, grant) != session.identity_id:
            raise SignInRefused("subject", "The new tokens are of somebody else.")
        return replace(grant, session=session.provider_session or grant.session)

    async def _store(self, key: bytes, session: ConsoleSession, token: str, grant: TokenGrant) -> None:
        """Errors: TokenRefused, IdentityNotMapped."""
        await self.grants.tokens.identify(grant)
        async with self.database.transaction(session.tenant_id) as connection:
            sealed = await self.sealing.seal(connection, session.tenant_id, token)
            await session_rows.store_refresh(connection, key, sealed, self.clock.now())

    async def _end(self, key: bytes, session: ConsoleSession, reason: str) -> None:
        """Errors: SessionEnded, always."""
        REFRESHES.labels(reason).inc()
        async with self.database.transaction(session.tenant_id) as connection:
            await session_rows.remove_session(connection, key)
            subject = f"identity {session.identity_id}"
            act = Act(PROVIDER, "session.end", subject, f"not refreshed: {reason}", tenant_id=session.tenant_id)
            await audit.record(connection, act, self.clock.now())
            await notify(connection, IDENTITY_CHANGED, str(session.identity_id))
        self.grants.tokens.cache.forget(session.identity_id)
        raise SessionEnded("The identity provider did not confirm the session.")

    @property
    def _interval(self) -> timedelta:
        return timedelta(minutes=self.grants.tokens.policy.sessions.refresh_minutes)

    @property
    def _longest(self) -> timedelta:
        return timedelta(minutes=self.grants.tokens.policy.sessions.stale_minutes)
