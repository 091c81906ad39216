"""The service and a real OpenID provider: the policy file, the keys and the flows as they are between two programs."""

import shutil
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
import yaml
from pydantic import SecretStr

from app.core.embedded import Urls
from app.identity.domain.sessions import SealedSecret
from app.identity.service.session_refresh import REFRESHES
from app.main import create_app
from app.settings import Settings
from app.wiring import State, build
from tests.clock import leap
from tests.conftest import TESTED
from tests.identity.provider import ACCOUNT, AUDIENCE, CLIENT, PASSWORD, PERSON, POLICY, SECRET, Provider, real_provider

pytestmark = pytest.mark.slow  # it starts the provider, and makes its keys

SERVICE = "https://answers.example.com"
ACCOUNTS = {ACCOUNT: {"tenant": "default", "roles": ["operator"], "groups": ["hr"]}}


@pytest_asyncio.fixture(scope="module")
async def provider(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Provider]:
    async with real_provider(tmp_path_factory.mktemp("provider"), f"{SERVICE}/console/signed-in") as started:
        yield started


@pytest_asyncio.fixture(scope="module")
async def service(
    provider: Provider, settings: Settings, database_urls: Urls, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[State]:
    root = tmp_path_factory.mktemp("root")
    for name in ("policies", "prompts", "evals", "migrations"):
        shutil.copytree(TESTED / name, root / name)
    (root / "policies" / "identity.yaml").write_text(yaml.safe_dump({**POLICY, "accounts": ACCOUNTS}))
    named = {"oidc_issuer": provider.address, "oidc_audience": AUDIENCE, "oidc_client_id": CLIENT}
    secret = {"oidc_client_secret": SecretStr(SECRET), "public_url": SERVICE, "root": root}
    async with build(settings.model_copy(update={**named, **secret}), database_urls) as running:
        await running.identity.ensure_tenant("default")
        yield running


def browser(service: State, token: str = "") -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=create_app(service), raise_app_exceptions=False)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx.AsyncClient(transport=transport, base_url=SERVICE, headers=headers)


async def test_a_program_comes_with_client_credentials(service: State, provider: Provider) -> None:
    async with browser(service, await provider.token(grant_type="client_credentials")) as client:
        caller = (await client.get("/v1/caller")).json()
    assert (caller["name"], caller["roles"], caller["groups"]) == (ACCOUNT, ["operator"], ["hr"])


async def test_a_person_signs_in_and_a_reply_counts_once(service: State, provider: Provider) -> None:
    async with browser(service) as client:
        sent = await client.get("/console/sign-in")
        back = await provider.agree(sent.headers["location"])
        assert str(back).startswith(f"{SERVICE}/console/signed-in?")
        ended = await client.get("/console/signed-in", params=back.params)
        assert (ended.status_code, ended.headers["location"]) == (303, "./")
        caller = (await client.get("/v1/caller")).json()
        assert (caller["name"], caller["roles"], caller["groups"]) == (PERSON, ["reviewer"], ["hr"])
        again = await client.get("/console/signed-in", params=back.params)
        assert again.headers["location"] == "./?sign-in=state"


async def test_a_session_is_refreshed_and_ends_when_the_provider_refuses(service: State, provider: Provider) -> None:
    """The provider gives a new refresh token each time, and takes the old one no more."""
    async with browser(service) as client:
        back = await provider.agree((await client.get("/console/sign-in")).headers["location"])
        await client.get("/console/signed-in", params=back.params)
        for _ in range(2):
            await make_due(service)
            before = REFRESHES.labels("refreshed")._value.get()
            assert (await client.get("/v1/caller")).json()["groups"] == ["hr"]
            assert REFRESHES.labels("refreshed")._value.get() == before + 1
        token = (await refresh_tokens(service))[0]
        await provider.revoke(token)
        await make_due(service)
        assert (await client.get("/v1/caller")).json()["code"] == "session_ended"
    assert token not in await refresh_tokens(service)


async def make_due(service: State) -> None:
    """As if the last refresh was six minutes ago."""
    assert service.identity.sessions
    tenant = await service.identity.tenant("default")
    async with service.database.transaction(tenant) as connection:
        await connection.exec_driver_sql("update console_sessions set refreshed_at = now() - interval '6 minutes'")
        [(one,)] = await connection.exec_driver_sql("select distinct identity_id from console_sessions")
    service.identity.sessions.tokens.cache.forget(one)


async def refresh_tokens(service: State) -> list[str]:
    """Of all sessions, the newest one first."""
    assert service.identity.sessions
    tenant, sealing = await service.identity.tenant("default"), service.identity.sessions.sealing
    async with service.database.transaction(tenant) as connection:
        query = "select refresh_token, key_version from console_sessions order by created_at desc"
        rows = await connection.exec_driver_sql(query)
        opened = [await sealing.open(connection, tenant, SealedSecret(bytes(row[0]), row[1])) for row in rows.all()]
    return [token for token in opened if token]


async def test_the_provider_gives_no_tokens_for_a_code_with_another_verifier(
    service: State, provider: Provider
) -> None:
    async with browser(service) as victim, browser(service) as attacker:
        code = (await provider.agree((await victim.get("/console/sign-in")).headers["location"])).params["code"]
        own = await provider.agree((await attacker.get("/console/sign-in")).headers["location"])
        reply = await attacker.get("/console/signed-in", params={"code": code, "state": own.params["state"]})
        assert reply.headers["location"] == "./?sign-in=code"
        assert (await attacker.get("/v1/caller")).status_code == 401


async def test_an_id_token_of_the_provider_is_no_access_token(service: State, provider: Provider) -> None:
    form = {"grant_type": "password", "username": PERSON, "password": PASSWORD, "scope": "openid"}
    async with httpx.AsyncClient(trust_env=False) as http:
        issued = (await http.post(f"{provider.address}/token", data=form, auth=(CLIENT, SECRET))).json()
    for name, status in (("access_token", 200), ("id_token", 401)):
        async with browser(service, issued[name]) as client:
            assert (await client.get("/v1/caller")).status_code == status, name


async def test_new_keys_of_the_provider_are_used_at_once(service: State, provider: Provider) -> None:
    async with browser(service, await provider.token(grant_type="client_credentials")) as client:
        assert (await client.get("/v1/caller")).status_code == 200
    await leap(6)
    await provider.rotate()
    async with browser(service, await provider.token(grant_type="client_credentials")) as client:
        assert (await client.get("/v1/caller")).status_code == 200
