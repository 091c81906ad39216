"""Sign-outs that the identity provider tells, by back-channel logout."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import structlog

from app.core import audit
from app.core.audit import Act
from app.core.clock import Clock
from app.core.database import Database, notify
from app.core.telemetry import counter
from app.identity.domain import IDENTITY_CHANGED
from app.identity.domain.sign_outs import (
    LOGOUT_TYPES,
    MAX_LIFETIME_SECONDS,
    LogoutRefused,
    SignOut,
    sign_out_of,
)
from app.identity.domain.tokens import MAX_TOKEN_CHARACTERS, TokenRefused
from app.identity.repository import sign_out_rows
from app.identity.repository.sign_out_rows import EndedIdentity
from app.identity.service.token_authentication import TokenAuthentication

log = structlog.get_logger(__name__)

SIGN_OUTS = counter(
    "app_provider_sign_outs_total", "Back-channel logouts, by outcome or reason of the refusal.", ["outcome"]
)
PROVIDER = "identity provider"
"""The actor in the audit log."""


@dataclass(frozen=True)
class ProviderSignOuts:
    """Back-channel logout of one client of the provider."""

    database: Database
    clock: Clock
    tokens: TokenAuthentication
    client_id: str

    async def accept(self, logout_token: str) -> None:
        """Ends the sessions that the token names, and refuses tokens of that person or session that were issued until
        then. This process does so from the next request on, every other one within a second.

        Errors: LogoutRefused, IssuerUnavailable.
        """
        try:
            sign_out = await self._verify(logout_token)
            ended = await self._end(sign_out)
        except TokenRefused as refused:
            SIGN_OUTS.labels(refused.label).inc()
            log.warning("identity.logout_refused", reason=refused.label)
            raise LogoutRefused(refused.detail, reason=refused.label) from refused
        SIGN_OUTS.labels("accepted").inc()
        for each in ended:
            self.tokens.cache.forget(each.identity_id)

    async def _verify(self, logout_token: str) -> SignOut:
        if len(logout_token) > MAX_TOKEN_CHARACTERS:
            raise TokenRefused("The token is too long.", "malformed")
        rules = replace(
            self.tokens.rules,
            audience=self.client_id,
            types=LOGOUT_TYPES,
            scope="",
            lifetime_seconds=MAX_LIFETIME_SECONDS,
        )
        claims = await self.tokens.verifier.verify(logout_token, rules)
        return sign_out_of(claims, rules, self.clock.now().timestamp())

    async def _end(self, sign_out: SignOut) -> list[EndedIdentity]:
        now, rules = self.clock.now(), self.tokens.rules
        token_ends = datetime.fromtimestamp(sign_out.ends_at + rules.leeway_seconds, UTC)
        no_token_left = now + timedelta(seconds=rules.lifetime_seconds + 2 * rules.leeway_seconds)
        async with self.database.transaction(None) as connection:
            await sign_out_rows.lock(connection, sign_out.ended, shared=False)
            if not await sign_out_rows.add_token(connection, sign_out, token_ends, now):
                raise TokenRefused("The logout token was sent before.", "replay")
            await sign_out_rows.add(connection, sign_out, no_token_left, now)
            ended = await sign_out_rows.end_sessions(connection, sign_out)
            await audit.record_all(connection, list(_acts(ended)), now)
            for each in ended:
                await notify(connection, IDENTITY_CHANGED, str(each.identity_id))
        return ended


def _acts(ended: Iterable[EndedIdentity]) -> Iterable[Act]:
    for each in ended:
        subject, words = f"identity {each.identity_id}", f"{each.sessions} sessions"
        yield Act(PROVIDER, "session.end", subject, "signed out at the provider", words, None, each.tenant_id)
