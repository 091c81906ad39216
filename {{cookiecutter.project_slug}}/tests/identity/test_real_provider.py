"""The service and a real OpenID provider: the policy file, the keys and the flows as they are between two programs."""

import shutil
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
import yaml
from pydantic import SecretStr

from app.core.embedded import Urls
from app.main import create_app
from app.settings import Settings
from app.wiring import State, build
from tests.clock import leap
from tests.conftest import ROOT
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
        shutil.copytree(ROOT / name, root / name)
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
