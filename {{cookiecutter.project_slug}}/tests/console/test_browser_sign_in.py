"""A person signs in to the console in a real browser, at a real identity provider."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
import yaml
from pydantic import SecretStr

from app.core.embedded import Urls
from app.main import create_app
from app.settings import Settings
from app.wiring import State, build
from tests import serving
from tests.conftest import TESTED, adopt
from tests.console.browser import browser, installed
from tests.identity.provider import AUDIENCE, CLIENT, PASSWORD, PERSON, POLICY, SECRET, free_port, real_provider

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(installed() is None, reason="no browser on the PATH: install chromium, or name one in CHROMIUM"),
]


@pytest_asyncio.fixture
async def served(settings: Settings, database_urls: Urls, tmp_path: Path) -> AsyncIterator[tuple[str, State]]:
    """The address of a service whose people sign in at a provider."""
    root = tmp_path / "root"
    for name in ("policies", "prompts", "evals", "migrations"):
        shutil.copytree(TESTED / name, root / name)
    (root / "policies" / "identity.yaml").write_text(yaml.safe_dump(POLICY))
    base = f"http://127.0.0.1:{free_port()}"
    async with real_provider(tmp_path / "provider", f"{base}/console/signed-in") as provider:
        named: dict[str, Any] = {"oidc_issuer": provider.address, "oidc_audience": AUDIENCE, "oidc_client_id": CLIENT}
        secret = {"oidc_client_secret": SecretStr(SECRET), "public_url": base, "root": root}
        async with build(settings.model_copy(update={**named, **secret}), database_urls) as running:
            await running.identity.ensure_tenant("default")
            await adopt(running)
            port = int(base.rpartition(":")[2])
            async with serving.served(create_app(running), running.settings, port):
                yield base, running


async def test_a_person_signs_in_at_the_provider_works_and_signs_out(served: tuple[str, State], tmp_path: Path) -> None:
    base, state = served
    async with browser(tmp_path / "profile") as chromium, chromium.tab() as page:
        await page.open(f"{base}/console/")
        await page.press("Sign in with your account")
        await page.wait("document.getElementById('username')")
        await page.type("username", PERSON)
        await page.type("password", PASSWORD)
        await page.key("Enter")
        await page.sees("Sign out")
        assert PERSON in await page.text()
        assert await page.run("document.cookie") == ""
        assert await page.run("sessionStorage.length + localStorage.length") == 0
        assert await page.run("fetch('/v1/caller').then(r => r.status)") == 200
        claim = f"fetch('/v1/reviews/{UUID(int=0)}/claim', {{method: 'POST'}}).then(r => r.status)"
        assert await page.run(claim) == 403
        await page.press("Sign out")
        await page.sees("Sign in with your account")
        assert await page.run("fetch('/v1/caller').then(r => r.status)") == 401
        [ana] = await state.identity.list_identities(await state.identity.tenant("default"))
        assert ana.name == PERSON
        await state.identity.revoke_identity(ana.tenant_id, ana.id)
        await page.open(f"{base}/console/?sign-in=revoked")
        await page.sees("Your access was revoked.")
