"""Every route of the OpenAPI document is called with ids of another tenant: the reply equals that for unknown ids.

A route with a parameter that this file does not know fails the test: add an id for it here.
"""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest_asyncio
from sqlalchemy import text

from app.core.clock import ManualClock
from app.core.embedded import Urls
from app.core.jobs import Worker
from app.identity.domain import COMMAND_LINE, Principal
from app.identity.domain.identification import StoredIdentity
from app.identity.domain.scim import PATCH_OP
from app.identity.repository import identity_rows
from app.main import create_app
from app.wiring import State
from app.wiring.extensions import PREFIX
from tests.actions.conftest import Shop
from tests.monitoring.traffic import Traffic
from tests.review.conftest import Desk

MARKER = "zanzibar"
TALK = "talk-of-the-gate"
PAGE = f"# Harbour rules\n\nThe harbour master of {MARKER} opens the gate at seven every morning of the working week.\n"

# Parameters that name something of the whole service, not of a tenant.
SHARED = (
    "/v1/releases/{release_id}",
    "/v1/environments/",
    "/v1/indexes/",
    "/v1/models/",
    "/v1/evaluations/",
    "/v1/governance/",
    "/v1/readiness/",
)
REMOVAL = {"op": "remove", "path": "externalId"}
BODIES: dict[tuple[str, str], dict[str, Any]] = {
    ("post", "/v1/answers/{answer_id}/feedback"): {"helpful": True},
    ("patch", "/scim/v2/Users/{user_id}"): {"schemas": [PATCH_OP], "Operations": [REMOVAL]},
    ("patch", "/scim/v2/Groups/{group_id}"): {"schemas": [PATCH_OP], "Operations": [REMOVAL]},
    ("put", "/scim/v2/Users/{user_id}"): {"userName": "ana"},
    ("put", "/scim/v2/Groups/{group_id}"): {"displayName": "staff"},
    ("put", "/v1/documents/{document_id}/access"): {"access_groups": []},
    ("post", "/v1/monitoring/failure-patterns/{pattern_id}/cases"): {"reason": "seen"},
    ("post", "/v1/answers/{answer_id}/outcome"): {"outcome": "resolved"},
    ("post", "/v1/privacy/holds/{hold_id}/lift"): {"reason": "seen"},
    ("post", "/v1/reviews/{review_id}/heartbeat"): {"token": 1},
    ("post", "/v1/reviews/{review_id}/release"): {"token": 1},
    ("post", "/v1/reviews/{review_id}/decide"): {
        "decision": "approve",
        "reason": "seen",
        "token": 1,
        "version": 1,
        "sha256": "0" * 64,
    },
}
# Per request, so that it differs between two requests for the same thing.
FLEETING = ("request_id", "instance", "detail", "error")


@pytest_asyncio.fixture
async def theirs(state: State, tenant: UUID, client: httpx.AsyncClient, database_urls: Urls) -> dict[str, str]:
    """The ids of the tenant of `client`, one for every parameter."""
    good = ("files", ("harbour.md", PAGE.encode(), "text/markdown"))
    bad = ("files", ("broken.pdf", b"%PDF-1.7 and nothing that follows", "application/pdf"))
    made = await client.post("/v1/documents", files=[good, bad])
    await Worker(state.database, state.jobs, concurrency=1).run(wait=False)
    answer = await client.post(
        "/v1/answers", json={"question": f"Who opens the gate in {MARKER}?", "conversation": TALK}
    )
    key = await client.post("/v1/keys", json={"name": "another"})
    held = await client.get("/v1/quarantine")
    document = {"selector": "document", "value": made.json()["items"][0]["id"], "reason": "request 17"}
    assert (await client.post("/v1/privacy/exports", json=document)).status_code == 200
    requests = await client.get("/v1/privacy/requests")
    hold = await client.post(
        "/v1/privacy/holds", json={"kind": "answer", "subject_id": str(uuid4()), "reason": "request 17"}
    )
    desk = Desk(state, tenant, ManualClock(), replace(state.reviews, clock=ManualClock()))
    caller = Principal(tenant, COMMAND_LINE, MARKER, frozenset({"admin"}))
    shop = Shop(state, database_urls, tenant, caller, "", ManualClock(), state.actions)
    found = {
        "document_id": made.json()["items"][0]["id"],
        "entry": held.json()["items"][0]["id"],
        "answer_id": answer.json()["id"],
        "conversation_id": TALK,
        "response_id": f"resp_{UUID(answer.json()['id']).hex}",
        "review_id": str((await desk.queue()).id),
        "prefix": key.json()["prefix"],
        "number": await _ticket(state, tenant),
        "action_id": str((await shop.waiting()).id),
        "identity_id": await _identity(state, tenant),
        "privacy_request_id": requests.json()["items"][0]["id"],
        "hold_id": hold.json()["id"],
        "pattern_id": await _pattern(state, tenant),
    }
    assert (await client.get(f"/v1/documents/{found['document_id']}")).json()["status"] == "published"
    return found


async def _ticket(state: State, tenant: UUID) -> str:
    """A ticket with a number that occurs nowhere else."""
    number = 987_654_321
    values = {"id": uuid4(), "tenant": tenant, "number": number, "title": f"The gate of {MARKER}"}
    async with state.database.transaction(tenant) as connection:
        await connection.execute(
            text("insert into tickets values (:id, :tenant, :number, :title, :title, 'open', now(), 'tests')"), values
        )
    return str(number)


async def _identity(state: State, tenant: UUID) -> str:
    """A person of the identity provider."""
    at = datetime.now(UTC)
    ana = StoredIdentity(
        uuid4(), tenant, "https://login.example.com", MARKER, MARKER, ["user"], [], at.timestamp(), at, None, None
    )
    async with state.database.transaction(tenant) as connection:
        await identity_rows.store(connection, ana)
    return str(ana.id)


async def _pattern(state: State, tenant: UUID) -> str:
    """A pattern of failures: there is a question that the documents do not answer."""
    await Traffic(state, tenant, state.clock).refuse(f"What did {MARKER} eat?", ago=timedelta(minutes=1))
    await state.monitoring.failures.run(tenant)
    caller = Principal(tenant, COMMAND_LINE, MARKER, frozenset({"admin"}))
    return str((await state.monitoring.failures.page(caller, None, 1)).patterns[0].stored.id)


@pytest_asyncio.fixture
async def stranger(state: State) -> AsyncIterator[httpx.AsyncClient]:
    """An admin of a tenant without data."""
    tenant = await state.identity.ensure_tenant(f"stranger-{uuid4().hex}")
    key = await state.identity.create_key(tenant, "stranger", ["admin"])
    transport = httpx.ASGITransport(app=create_app(state), raise_app_exceptions=False)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://service", headers={"Authorization": f"Bearer {key.text}"}
    ) as open_client:
        yield open_client


def routes(document: dict[str, Any]) -> list[tuple[str, str, list[str]]]:
    """(method, path, names of the parameters in the path) of every route of the template."""
    found = []
    for path, methods in document["paths"].items():
        for method, operation in methods.items() if not path.startswith(PREFIX) else ():
            names = [one["name"] for one in operation.get("parameters", ()) if one["in"] == "path"]
            found.append((method, path, names))
    return found


async def test_an_id_of_another_tenant_is_the_same_as_a_missing_one_on_every_route(
    client: httpx.AsyncClient, stranger: httpx.AsyncClient, theirs: dict[str, str]
) -> None:
    tried = []
    for method, path, names in routes((await client.get("/openapi.json")).json()):
        if not names or path.startswith(SHARED):
            continue
        body = BODIES.get((method, path))
        addresses = [
            path.format(**theirs),
            path.format(**{name: _missing(theirs[name]) for name in names}),
        ]
        foreign, missing = [await stranger.request(method, address, json=body) for address in addresses]
        assert foreign.status_code == missing.status_code == 404, (method, path, foreign.text, missing.text)
        assert _lasting(foreign) == _lasting(missing), (method, path)
        tried.append(path)
    assert len(tried) >= 8
    document = await client.get(f"/v1/documents/{theirs['document_id']}")
    assert document.json()["status"] == "published"


async def test_no_listing_and_no_search_shows_another_tenant_anything(
    client: httpx.AsyncClient, stranger: httpx.AsyncClient, theirs: dict[str, str]
) -> None:
    for method, path, names in routes((await client.get("/openapi.json")).json()):
        if names or method != "get" or not path.startswith("/v1/"):
            continue
        shown = (await stranger.get(path)).text
        assert MARKER not in shown
        assert not [name for name, own in theirs.items() if own in shown], path
    found = await stranger.post("/v1/search", json={"query": f"gate {MARKER}"})
    assert found.json()["passages"] == []
    answer = await stranger.post("/v1/answers", json={"question": f"Who opens the gate in {MARKER}?"})
    assert answer.json()["status"] == "refused"
    assert (await client.post("/v1/search", json={"query": f"gate {MARKER}"})).json()["passages"] != []


async def test_every_route_but_the_open_ones_needs_a_key(client: httpx.AsyncClient) -> None:
    client.headers.pop("Authorization")
    unguarded = set()
    document = (await client.get("/openapi.json")).json()
    for method, path, names in routes(document):
        address = path.format(**dict.fromkeys(names, "1"))
        if (await client.request(method, address)).status_code != 401:
            unguarded.add(path)
        assert (document["paths"][path][method]["security"] == []) == (path in unguarded)
    described = "/.well-known/oauth-protected-resource"
    open_ones = {"/health/live", "/health/ready", "/metrics", "/v1/oidc/backchannel-logout"}
    assert unguarded == open_ones | {described, f"{described}/mcp"}


def _missing(like: str) -> str:
    if like.startswith("resp_"):
        return f"resp_{uuid4().hex}"
    try:
        UUID(like)
    except ValueError:
        return like[::-1]
    return str(uuid4())


def _lasting(response: httpx.Response) -> dict[str, Any]:
    return {name: value for name, value in response.json().items() if name not in FLEETING}
