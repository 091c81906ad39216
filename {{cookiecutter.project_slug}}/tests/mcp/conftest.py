"""The service's MCP server over real HTTP, and the official client against it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import httpx
import httpx2
import pytest_asyncio
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client

from app.identity.domain import KeyTerms
from tests.inference.conftest import Service, house, open_service, service, shared_services

__all__ = ["house", "open_service", "service", "shared_services"]

MODERN, LEGACY = "2026-07-28", "2025-11-25"
META = {
    "io.modelcontextprotocol/protocolVersion": MODERN,
    "io.modelcontextprotocol/clientInfo": {"name": "tests", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}


@asynccontextmanager
async def connected(
    service: Service, key: str | None = None, mode: str = "auto", **options: Any
) -> AsyncIterator[Client]:
    """The official client with a key, in the newest protocol unless `mode` says otherwise."""
    headers = {"Authorization": f"Bearer {key or service.key}"}
    async with httpx2.AsyncClient(headers=headers, timeout=600) as http:
        transport = streamable_http_client(f"{service.url}/mcp", http_client=http)
        async with Client(transport, mode=mode, cache=None, **options) as client:
            yield client


def message(method: str, **params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": META}}


def headers_of(body: dict[str, Any]) -> dict[str, str]:
    """What a client of the newest protocol sends with a message."""
    sent = {
        "accept": "application/json, text/event-stream",
        "content-type": "application/json",
        "mcp-protocol-version": MODERN,
        "mcp-method": body.get("method", ""),
    }
    name = body.get("params", {}).get("name")
    return sent | ({"mcp-name": name} if name else {})


async def post(service: Service, body: dict[str, Any], key: str | None = None, **headers: str) -> httpx.Response:
    async with service.client(key) as client:
        return await client.post("/mcp", json=body, headers=headers_of(body) | headers)


async def call(service: Service, tool: str, key: str | None = None, **arguments: Any) -> dict[str, Any]:
    """The result of a tool by a plain POST."""
    reply = await post(service, message("tools/call", name=tool, arguments=arguments), key)
    assert reply.status_code == 200, reply.text
    result: dict[str, Any] = reply.json()["result"]
    return result


async def key_of(service: Service, *roles: str, groups: tuple[str, ...] = (), **terms: Any) -> str:
    """A key of the service's tenant."""
    made = await service.state.identity.create_key(
        service.tenant, f"key-{uuid4().hex[:8]}", list(roles or ("user",)), list(groups), terms=KeyTerms(**terms)
    )
    return made.text


@pytest_asyncio.fixture
async def stranger(service: Service) -> str:
    """A key of another tenant."""
    tenant = await service.state.identity.ensure_tenant(f"stranger-{uuid4().hex}")
    return (await service.state.identity.create_key(tenant, "stranger", ["user"])).text


async def titled(service: Service, title: str) -> str:
    """A new ticket."""
    async with service.client() as client:
        reply = await client.post("/v1/tickets", json={"title": title, "text": "At the flange."})
    return str(reply.json()["id"])
