"""A real OpenID provider, in a process of its own."""

import asyncio
import re
import socket
import sys
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

AUDIENCE, CLIENT, SECRET = "answers", "console", "console-secret"
ACCOUNT, ACCOUNT_SECRET = "nightly-import", "import-secret"
PERSON, PASSWORD = "ana", "ana-secret"
POLICY = {
    "owner": "tests",
    "tokens": {"types": ["JWT"], "algorithms": ["RS256"], "refresh_seconds": 5},
    "roles": {"claim": "groups", "values": {"answers-reviewers": "reviewer"}},
    "groups": {"claim": "groups", "values": {"dept-hr": "hr"}},
}
"""policies/identity.yaml for this provider, which writes JWT into the type of access tokens."""


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@dataclass
class Provider:
    address: str

    async def token(self, **form: str) -> str:
        """An access token."""
        client, secret = (ACCOUNT, ACCOUNT_SECRET) if form["grant_type"] == "client_credentials" else (CLIENT, SECRET)
        async with httpx.AsyncClient(trust_env=False, timeout=60) as http:
            reply = await http.post(f"{self.address}/token", data=form, auth=(client, secret))
        assert reply.status_code == 200, reply.text
        return str(reply.json()["access_token"])

    async def revoke(self, token: str) -> None:
        """RFC 7009."""
        async with httpx.AsyncClient(trust_env=False, timeout=60) as http:
            reply = await http.post(f"{self.address}/revoke", data={"token": token}, auth=(CLIENT, SECRET))
        assert reply.status_code == 200, reply.text

    async def rotate(self) -> None:
        async with httpx.AsyncClient(trust_env=False, timeout=60) as http:
            assert (await http.post(f"{self.address}/api/keys/rotate")).status_code == 200

    async def agree(self, address: str) -> httpx.URL:
        """Signs the person in with the form at this address; where the provider sends the browser then."""
        async with httpx.AsyncClient(trust_env=False, timeout=60) as http:
            page = await http.get(address)
            hidden = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', page.text))
            reply = await http.post(address, data={**hidden, "username": PERSON, "password": PASSWORD})
        assert reply.is_redirect, reply.text
        return httpx.URL(reply.headers["location"])


def written(folder: Path, port: int, redirect_uri: str) -> None:
    address = f"http://127.0.0.1:{port}"
    clients: list[dict[str, Any]] = [
        {"client_id": CLIENT, "client_secret": SECRET, "redirect_uris": [redirect_uri]},
        {"client_id": ACCOUNT, "client_secret": ACCOUNT_SECRET},
    ]
    oauth: dict[str, Any] = {"issuer": address, "audience": AUDIENCE, "token_expiry_minutes": 30, "clients": clients}
    oauth["refresh_token_rotation"] = True
    server = {"host": "127.0.0.1", "port": port}
    person = {"password": PASSWORD, "groups": ["answers-reviewers", "dept-hr"], "tenant": "default"}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "settings.yaml").write_text(yaml.safe_dump({"config_version": 1, "server": server, "oauth": oauth}))
    (folder / "users.yaml").write_text(yaml.safe_dump({"config_version": 1, "users": {PERSON: person}}))


@asynccontextmanager
async def real_provider(folder: Path, redirect_uri: str) -> AsyncIterator[Provider]:
    port = free_port()
    written(folder, port, redirect_uri)
    command = (sys.executable, "-m", "nanoidp", "--config", str(folder), "--strict-config")
    process = await asyncio.create_subprocess_exec(*command, cwd=folder, stdout=DEVNULL, stderr=DEVNULL)
    provider = Provider(f"http://127.0.0.1:{port}")
    try:
        async with httpx.AsyncClient(trust_env=False) as http:
            while True:
                try:
                    await http.get(f"{provider.address}/.well-known/openid-configuration")
                    break
                except httpx.TransportError:
                    assert process.returncode is None, "the provider did not start"
                    await asyncio.sleep(0.1)
        yield provider
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
