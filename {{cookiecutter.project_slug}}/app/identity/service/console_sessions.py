"""Signing in to the console, and the sessions of those who did."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cached_property
from secrets import token_urlsafe

from app.core import audit
from app.core.audit import Act
from app.core.clock import Clock
from app.core.database import Database, notify
from app.core.telemetry import counter
from app.identity.domain import IDENTITY_CHANGED, Principal
from app.identity.domain.sessions import (
    ATTEMPT_MINUTES,
    USE_SECONDS,
    AuthorizationResponse,
    ConsoleSession,
    SessionEnded,
    SignInAttempt,
    SignInRefused,
    check_request,
    csrf_token,
    digest,
)
from app.identity.domain.sign_outs import check_signed_in, ended_by
from app.identity.domain.tokens import IdentityNotMapped, TokenGrant, TokenRefused
from app.identity.ports import SecretSealing, SignInProvider
from app.identity.repository import session_rows, sign_out_rows
from app.identity.service.caller_cache import CACHE_SECONDS, VerifiedCaller
from app.identity.service.principals import find_principal
from app.identity.service.provider_sign_outs import ProviderSignOuts
from app.identity.service.session_refresh import SessionRefresh
from app.identity.service.sign_in_grants import SignInGrants
from app.identity.service.token_authentication import TokenAuthentication

SIGN_INS = counter("app_sign_ins_total", "Sign-ins to the console, by outcome or reason of the refusal.", ["outcome"])


@dataclass(frozen=True)
class ConsoleSessions:
    """Sign-in by authorization code with PKCE. A browser holds nothing but the id of its session.

    sealing: of refresh tokens.
    """

    database: Database
    clock: Clock
    pepper: bytes
    tokens: TokenAuthentication
    provider: SignInProvider
    sealing: SecretSealing

    @cached_property
    def grants(self) -> SignInGrants:
        return SignInGrants(self.tokens, self.provider.client_id)

    @cached_property
    def refresh(self) -> SessionRefresh:
        return SessionRefresh(self.database, self.clock, self.grants, self.provider, self.sealing)

    @cached_property
    def sign_outs(self) -> ProviderSignOuts:
        return ProviderSignOuts(self.database, self.clock, self.tokens, self.provider.client_id)

    async def begin(self) -> tuple[str, str]:
        """Where to send the browser, and what it must keep until it comes back. Errors: IssuerUnavailable."""
        attempt, now = SignInAttempt.new(), self.clock.now()
        address = await self.provider.address(attempt)
        async with self.database.transaction(None) as connection:
            await session_rows.add_attempt(connection, attempt, now, now - timedelta(minutes=ATTEMPT_MINUTES))
        return address, attempt.browser

    async def complete(self, response: AuthorizationResponse, browser: str) -> str:
        """The id of a new session. Errors: SignInRefused, IssuerUnavailable."""
        try:
            grant, refresh_token = await self._grant(response, browser)
            caller = await self.tokens.identify(grant)
            session_id = await self._open(caller, grant, refresh_token)
        except SignInRefused as refused:
            SIGN_INS.labels(refused.reason).inc()
            raise
        except (TokenRefused, IdentityNotMapped) as refused:
            SIGN_INS.labels(refused.label).inc()
            raise SignInRefused(refused.label, refused.detail) from refused
        SIGN_INS.labels("accepted").inc()
        return session_id

    async def _grant(self, response: AuthorizationResponse, browser: str) -> tuple[TokenGrant, str | None]:
        """What the person's tokens give, and the refresh token."""
        async with self.database.transaction(None) as connection:
            attempt = await session_rows.take_attempt(connection, response.state)
        if attempt is None:
            raise SignInRefused("state", "No sign-in is waiting for this reply.")
        attempt.check(browser, self.clock.now())
        response.check_issuer(self.tokens.rules.issuer, await self.provider.names_itself())
        if response.error or not response.code:
            raise SignInRefused("provider", "The identity provider did not let the person in.")
        issued = await self.provider.redeem(response.code, attempt.verifier)
        return await self.grants.of_sign_in(issued, attempt.nonce), issued.refresh_token

    async def _open(self, caller: Principal, grant: TokenGrant, refresh_token: str | None) -> str:
        """Errors: SignedOut, where the person signed out at the provider meanwhile."""
        session_id, now, tenant_id = token_urlsafe(32), self.clock.now(), caller.tenant_id
        refreshed_at = now if refresh_token else None
        session = ConsoleSession(tenant_id, caller.key_id, now, now, grant.session, refreshed_at)
        async with self.database.transaction(tenant_id) as connection:
            await sign_out_rows.lock(connection, ended_by(grant), shared=True)
            check_signed_in(grant, await sign_out_rows.moments(connection, ended_by(grant)))
            sealed = await self.refresh.sealing.seal(connection, tenant_id, refresh_token) if refresh_token else None
            await session_rows.remove_sessions(connection, caller.key_id, now - self._absolute)
            await session_rows.add_session(connection, digest(session_id), session, sealed)
            act = Act(caller.name, "session.open", f"identity {caller.key_id}", tenant_id=tenant_id)
            await audit.record(connection, act, now)
        return session_id

    async def authenticate(self, session_id: str, method: str, token: str | None, site: str | None) -> Principal:
        """The principal of a request with a session. token: X-CSRF-Token. site: Sec-Fetch-Site.

        Errors: SessionEnded, RequestForged.
        """
        check_request(method, token, self.csrf_token(session_id), site)
        key = digest(session_id)
        verified = self.tokens.cache.get(key, self.clock.monotonic())
        if verified is None:
            generation = self.tokens.cache.generation
            verified = await self._verify(key)
            self.tokens.cache.put(key, verified, generation)
        if verified.expires_at and verified.expires_at <= self.clock.now():
            raise SessionEnded()
        return verified.principal

    def csrf_token(self, session_id: str) -> str:
        return csrf_token(session_id, self.pepper)

    async def _verify(self, key: bytes) -> VerifiedCaller:
        until, now = self.clock.monotonic() + CACHE_SECONDS, self.clock.now()
        session = await self._find(key, now)
        if self.refresh.is_due(session, now):
            await self.refresh.refresh(key, session)
        async with self.database.transaction(session.tenant_id) as connection:
            principal = await find_principal(connection, session.tenant_id, session.identity_id)
            if principal is None:
                raise SessionEnded("The access of this identity was revoked.")
            if now - session.used_at >= timedelta(seconds=USE_SECONDS):
                await session_rows.touch_session(connection, key, now)
                session = replace(session, used_at=now)
        return VerifiedCaller(principal, session.ends_at(self._idle, self._absolute), until)

    async def _find(self, key: bytes, now: datetime) -> ConsoleSession:
        async with self.database.transaction(None) as connection:
            session = await session_rows.find_session(connection, key)
        if session is None:
            raise SessionEnded()
        session.check(now, self._idle, self._absolute)
        return session

    async def close(self, session_id: str) -> None:
        """Signs out. Nothing happens for a session that has ended."""
        async with self.database.transaction(None) as connection:
            session = await session_rows.find_session(connection, digest(session_id))
        if session is None:
            return
        async with self.database.transaction(session.tenant_id) as connection:
            await session_rows.remove_session(connection, digest(session_id))
            await notify(connection, IDENTITY_CHANGED, str(session.identity_id))
        self.tokens.cache.forget(session.identity_id)

    @property
    def _idle(self) -> timedelta:
        return timedelta(minutes=self.tokens.policy.sessions.idle_minutes)

    @property
    def _absolute(self) -> timedelta:
        return timedelta(hours=self.tokens.policy.sessions.absolute_hours)
