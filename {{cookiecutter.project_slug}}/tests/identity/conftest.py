from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest_asyncio
from fastapi import FastAPI
from pydantic import SecretStr

from app.core.clock import ManualClock
from app.core.embedded import Urls
from app.identity.domain.policy import IdentityPolicy
from app.identity.service import TokenAuthentication
from app.main import create_app
from app.settings import Settings
from app.wiring import State, build
from tests.conftest import override
from tests.identity.issuer import ADDRESS, AUDIENCE, CLIENT, POLICY, SECRET, SERVICE, Issuer


@dataclass
class Federation:
    """A service that accepts the tokens of an issuer. Its clock stands still."""

    state: State
    issuer: Issuer
    clock: ManualClock
    tenant: UUID

    @cached_property
    def app(self) -> FastAPI:
        return create_app(self.state)

    @property
    def tokens(self) -> TokenAuthentication:
        assert self.state.identity.tokens
        return self.state.identity.tokens

    def set_policy(self, **changed: Any) -> None:
        policy = IdentityPolicy.model_validate({**POLICY, **changed})
        override(self.tokens, policy=policy, rules=policy.rules(ADDRESS, AUDIENCE))

    def browser(self) -> httpx.AsyncClient:
        """It has the cookies that it was given, and sends no key."""
        transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url=SERVICE, headers={"Sec-Fetch-Site": "same-origin"})

    def client(self, token: str = "") -> httpx.AsyncClient:
        transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)
        headers = {"Authorization": f"Bearer {token or self.issuer.token()}"}
        return httpx.AsyncClient(transport=transport, base_url="http://service", headers=headers)


@pytest_asyncio.fixture
async def federation(settings: Settings, database_urls: Urls) -> AsyncIterator[Federation]:
    clock = ManualClock(datetime.now(UTC))
    named = {"oidc_issuer": ADDRESS, "oidc_audience": AUDIENCE, "oidc_client_id": CLIENT}
    secret = {"oidc_client_secret": SecretStr(SECRET), "public_url": SERVICE}
    configured = settings.model_copy(update={**named, **secret})
    async with build(configured, database_urls, clock) as running:
        tenant = await running.identity.ensure_tenant(f"acme-{uuid4().hex}")
        federation = Federation(running, Issuer(clock.now().timestamp()), clock, tenant)
        name = await running.identity.tenant_name(tenant)
        federation.set_policy(tenant={"claim": "tenant", "values": {"acme": name}})
        federation.tokens.verifier.keys.provider.transport = federation.issuer.transport  # type: ignore[attr-defined]
        override(running.identity, by_clock=True)
        yield federation
