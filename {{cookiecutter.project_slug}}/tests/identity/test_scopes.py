"""The scope and the permission of every route, one line per route, and tests that no route reaches further.

A new route fails here until it has a line.
"""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi.routing import APIRoute
from starlette.routing import Mount, Route

from app.identity.domain import PERMISSIONS, SERVICE_PERMISSIONS, scope_of
from app.main import create_app
from app.retrieval.routes import room_router
from app.wiring import State
from app.wiring.extensions import PREFIX
from tests.e2e.test_tenants import BODIES, MARKER, theirs

__all__ = ["theirs"]

LINES = """
open     -                    GET /.well-known/oauth-protected-resource
open     -                    GET /.well-known/oauth-protected-resource/mcp
open     -                    GET /console/
open     -                    GET /console/budgets
open     -                    GET /console/document
open     -                    GET /console/error-budgets
open     -                    GET /console/files/{name}
open     -                    GET /console/quarantine
open     -                    GET /console/session
open     -                    GET /console/sign-in
open     -                    POST /console/sign-out
open     -                    GET /console/signed-in
open     -                    GET /docs
open     -                    GET /docs/files
open     -                    GET /health/live
open     -                    GET /health/ready
open     -                    GET /metrics
open     -                    GET /openapi.json
open     -                    POST /v1/oidc/backchannel-logout
own      actions:propose      GET /v1/actions
own      actions:propose      GET /v1/actions/catalogue
own      actions:propose      GET /v1/actions/{action_id}
own      answers:write        POST /v1/answers
own      caller:read          GET /v1/caller
own      answers:write        POST /v1/chat/completions
own      answers:write        POST /v1/responses
own      answers:write        DELETE /v1/conversations/{conversation_id:path}
own      models:read          GET /v1/models
own      models:read          GET /v1/models/{model:path}
own      mcp:use              POST /mcp
tenant   accounts:provision   GET /scim/v2/Groups
tenant   accounts:provision   POST /scim/v2/Groups
tenant   accounts:provision   DELETE /scim/v2/Groups/{group_id}
tenant   accounts:provision   GET /scim/v2/Groups/{group_id}
tenant   accounts:provision   PATCH /scim/v2/Groups/{group_id}
tenant   accounts:provision   PUT /scim/v2/Groups/{group_id}
tenant   accounts:provision   GET /scim/v2/ResourceTypes
tenant   accounts:provision   GET /scim/v2/ResourceTypes/{name}
tenant   accounts:provision   GET /scim/v2/Schemas
tenant   accounts:provision   GET /scim/v2/Schemas/{name}
tenant   accounts:provision   GET /scim/v2/ServiceProviderConfig
tenant   accounts:provision   GET /scim/v2/{path:path}
tenant   accounts:provision   GET /scim/v2/Users
tenant   accounts:provision   POST /scim/v2/Users
tenant   accounts:provision   DELETE /scim/v2/Users/{user_id}
tenant   accounts:provision   GET /scim/v2/Users/{user_id}
tenant   accounts:provision   PATCH /scim/v2/Users/{user_id}
tenant   accounts:provision   PUT /scim/v2/Users/{user_id}
tenant   answers:list         GET /v1/answers
tenant   answers:read         GET /v1/answers/{answer_id}
tenant   answers:read         GET /v1/conversations
tenant   answers:read         GET /v1/conversations/{conversation_id:path}
tenant   answers:read         GET /v1/responses/{response_id}
tenant   feedback:write       POST /v1/answers/{answer_id}/feedback
tenant   outcomes:write       POST /v1/answers/{answer_id}/outcome
tenant   answers:replay       POST /v1/answers/{answer_id}/replay
tenant   audit:read           GET /v1/audit
tenant   costs:read           GET /v1/budgets
tenant   budgets:manage       PUT /v1/budgets
tenant   costs:read           GET /v1/costs
tenant   costs:read           GET /v1/costs.csv
tenant   costs:read           GET /v1/costs/units
tenant   documents:read       GET /v1/documents
tenant   documents:write      POST /v1/documents
tenant   documents:delete     DELETE /v1/documents/{document_id}
tenant   documents:read       GET /v1/documents/{document_id}
tenant   documents:share      PUT /v1/documents/{document_id}/access
tenant   documents:original   GET /v1/documents/{document_id}/original
tenant   documents:read       GET /v1/documents/{document_id}/text
tenant   keys:manage          GET /v1/identities
tenant   keys:manage          DELETE /v1/identities/{identity_id}
tenant   keys:manage          GET /v1/keys
tenant   keys:manage          POST /v1/keys
tenant   keys:manage          DELETE /v1/keys/{prefix}
tenant   monitoring:read      GET /v1/monitoring/case-candidates
tenant   monitoring:read      GET /v1/monitoring/data-health
tenant   monitoring:read      GET /v1/monitoring/drift
tenant   monitoring:read      GET /v1/monitoring/failure-patterns
tenant   monitoring:propose   POST /v1/monitoring/failure-patterns/{pattern_id}/cases
tenant   costs:read           GET /v1/monitoring/business
tenant   costs:read           GET /v1/monitoring/business.html
tenant   costs:read           GET /v1/monitoring/scores
tenant   privacy:manage       POST /v1/privacy/erasures
tenant   privacy:manage       POST /v1/privacy/erasures/{privacy_request_id}/resume
tenant   privacy:manage       POST /v1/privacy/exports
tenant   privacy:manage       GET /v1/privacy/holds
tenant   privacy:manage       POST /v1/privacy/holds
tenant   privacy:manage       POST /v1/privacy/holds/{hold_id}/lift
tenant   privacy:manage       GET /v1/privacy/requests
tenant   privacy:manage       GET /v1/privacy/requests/{privacy_request_id}
tenant   quarantine:read      GET /v1/quarantine
tenant   quarantine:read      GET /v1/quarantine/{entry}
tenant   quarantine:decide    POST /v1/quarantine/{entry}/discard
tenant   quarantine:read      GET /v1/quarantine/{entry}/original
tenant   quarantine:decide    POST /v1/quarantine/{entry}/release
tenant   reviews:read         GET /v1/reviews
tenant   reviews:read         GET /v1/reviews/agreement
tenant   reviews:read         GET /v1/reviews/{review_id}
tenant   reviews:decide       POST /v1/reviews/{review_id}/claim
tenant   reviews:decide       POST /v1/reviews/{review_id}/decide
tenant   reviews:decide       POST /v1/reviews/{review_id}/heartbeat
tenant   reviews:decide       POST /v1/reviews/{review_id}/release
tenant   search:read          POST /v1/embeddings
tenant   search:read          POST /v1/search
tenant   documents:share      GET /v1/sources/access
tenant   documents:share      PUT /v1/sources/access
tenant   tickets:read         GET /v1/tickets
tenant   tickets:write        POST /v1/tickets
tenant   tickets:read         GET /v1/tickets/{number}
service  service:audit        GET /v1/audit/head
service  service:budgets      POST /v1/budgets/grants
service  releases:read        GET /v1/environments/production/canary
service  releases:activate    POST /v1/environments/production/canary
service  releases:activate    POST /v1/environments/production/canary/abort
service  releases:activate    POST /v1/environments/{environment}/activate
service  releases:read        GET /v1/environments/{environment}/moves
service  releases:activate    POST /v1/environments/{environment}/rollback
service  releases:read        GET /v1/evaluations
service  releases:read        GET /v1/evaluations/{run_id}
service  releases:read        GET /v1/evaluations/{run_id}/report.html
service  releases:read        GET /v1/evaluations/{run_id}/report.json
service  releases:read        GET /v1/evaluations/{run_id}/report.md
service  governance:read      GET /v1/governance
service  releases:approve     POST /v1/governance/break-glass/{approval_id}/review
service  governance:read      GET /v1/governance/card
service  index:manage         GET /v1/indexes
service  service:alerts       POST /v1/monitoring/alerts
service  governance:read      GET /v1/monitoring/error-budgets
service  releases:approve     POST /v1/monitoring/error-budgets/exceptions
service  governance:read      GET /v1/readiness
service  governance:write     POST /v1/readiness/checks/{check_id}/attestations
service  governance:write     POST /v1/readiness/checks/{check_id}/waivers
service  governance:write     POST /v1/readiness/checks/{check_id}/withdrawals
service  governance:read      GET /v1/readiness/page
service  releases:read        GET /v1/releases
service  releases:write       POST /v1/releases
service  releases:read        GET /v1/releases/at
service  releases:read        GET /v1/releases/current
service  releases:write       POST /v1/releases/import
service  releases:read        GET /v1/releases/{release_id}
service  releases:read        GET /v1/releases/{release_id}/approvals
service  releases:approve     POST /v1/releases/{release_id}/approvals
service  releases:read        GET /v1/releases/{release_id}/diff
service  releases:evaluate    POST /v1/releases/{release_id}/evaluations
service  releases:write       GET /v1/releases/{release_id}/export
service  releases:approve     POST /v1/releases/{release_id}/rejection
"""
INTERNAL = {("POST", "/internal/v1/search"), ("GET", "/internal/v1/ready")}
"""Of a process that runs retrieval alone; tests/retrieval/test_room.py says who may call them."""
WORDS = [line.split() for line in LINES.strip().splitlines()]
TABLE = {(method, path): (scope, permission) for scope, permission, method, path in WORDS}
OF_ALL_TENANTS = ("/v1/audit", "/v1/answers")
"""Lists in which the role service sees the ids of all tenants, and no text."""
FORBIDDEN = "permission_missing"
"""The code of a refusal; one in the form of SCIM has no code."""
TENANT_ROLES = ("user", "reviewer", "operator", "admin")

OpenClient = Callable[[UUID, str], Awaitable[httpx.AsyncClient]]


def within(scope: str) -> list[tuple[str, str]]:
    return [route for route, (own, _) in TABLE.items() if own == scope]


def routes_of(routes: Iterable[Any]) -> Iterator[tuple[str, str, str]]:
    """(method, path, permission) of everything that an application serves."""
    for route in routes:
        if isinstance(route, APIRoute):
            yield from ((method, route.path, permission_of(route.dependant)) for method in route.methods or ())
        elif isinstance(route, Route | Mount):
            yield "GET", route.path, "-"
        else:
            yield from routes_of(route.original_router.routes)


def permission_of(dependant: Any) -> str:
    permissions = [getattr(each.call, "permission", None) for each in dependant.dependencies]
    [permission] = filter(None, permissions) if any(permissions) else ["-"]
    return str(permission)


def address(path: str, names: dict[str, str] | None = None) -> str:
    """The path with the given ids, or with random ones."""
    values = {"environment": "production", "number": "1", "name": "no.js", **(names or {})}
    return re.sub(r"\{(\w+)(?::path)?\}", lambda match: values.get(match[1], str(uuid4())), path)


@pytest.fixture
async def open_client(state: State) -> AsyncIterator[OpenClient]:
    """Opens a client of the application with a new key of a tenant and a role."""
    clients: list[httpx.AsyncClient] = []

    async def make(tenant: UUID, role: str) -> httpx.AsyncClient:
        key = await state.identity.create_key(tenant, f"{role}-{uuid4().hex[:8]}", [role])
        transport = httpx.ASGITransport(app=create_app(state), raise_app_exceptions=False)
        headers = {"Authorization": f"Bearer {key.text}"}
        clients.append(httpx.AsyncClient(transport=transport, base_url="http://service", headers=headers))
        return clients[-1]

    yield make
    for client in clients:
        await client.aclose()


@pytest.fixture
async def stranger(state: State) -> UUID:
    """A tenant without any data."""
    return await state.identity.ensure_tenant(f"stranger-{uuid4().hex}")


async def test_every_route_has_a_line_and_every_line_a_route(state: State) -> None:
    served = {(method, path): permission for method, path, permission in routes_of(create_app(state).routes)}
    served = {route: permission for route, permission in served.items() if not route[1].startswith(PREFIX)}
    assert served == {route: permission for route, (_, permission) in TABLE.items()}
    assert {(method, path) for method, path, _ in routes_of([*room_router.routes])} == INTERNAL
    assert not served.keys() & INTERNAL, "the API has no route of the processes"


def test_the_scope_of_a_line_is_that_of_its_permission() -> None:
    scopes = {route: scope for route, (scope, permission) in TABLE.items() if permission != "-"}
    assert scopes == {route: scope_of(TABLE[route][1]) for route in scopes}
    assert {TABLE[route][1] for route in within("open")} == {"-"}


def test_no_tenant_role_has_a_service_permission() -> None:
    assert {role: PERMISSIONS[role] & SERVICE_PERMISSIONS for role in TENANT_ROLES} == dict.fromkeys(
        TENANT_ROLES, frozenset()
    )
    assert PERMISSIONS.keys() == {*TENANT_ROLES, "service"}
    assert not PERMISSIONS["service"] & {"documents:read", "answers:read", "search:read", "reviews:read", "keys:manage"}


@pytest.mark.parametrize("role", PERMISSIONS)
@pytest.mark.parametrize("whose", ["the owner", "a stranger"])
async def test_a_route_rejects_every_role_without_its_permission(
    open_client: OpenClient, tenant: UUID, stranger: UUID, role: str, whose: str
) -> None:
    client = await open_client(tenant if whose == "the owner" else stranger, role)
    for (method, path), (scope, permission) in TABLE.items():
        if scope == "open":
            continue
        reply = await client.request(method, address(path))
        refused = reply.status_code == 403 and reply.json().get("code", FORBIDDEN) == FORBIDDEN
        assert refused == (permission not in PERMISSIONS[role]), (method, path, reply.text)
        assert refused or scope != "service" or role == "service", (method, path)


@pytest.mark.parametrize("role", PERMISSIONS)
async def test_a_route_of_a_tenant_shows_nothing_to_another_tenant(
    open_client: OpenClient, theirs: dict[str, str], stranger: UUID, role: str
) -> None:
    client = await open_client(stranger, role)
    for method, path in within("tenant") + within("own"):
        if not (method == "GET" or "{" in path):
            continue
        body = BODIES.get((method.lower(), path))
        reply = await client.request(method, address(path, theirs), json=body)
        assert MARKER not in reply.text, path
        if "{" in path:
            assert reply.status_code in (403, 404), (method, path, reply.text)
        elif role != "service" or path not in OF_ALL_TENANTS:
            assert not [name for name, own in theirs.items() if own in reply.text], path


async def test_the_service_role_reads_no_text_of_tenants(
    open_client: OpenClient, theirs: dict[str, str], stranger: UUID
) -> None:
    client = await open_client(stranger, "service")
    for method, path in [*within("service"), *(("GET", path) for path in OF_ALL_TENANTS)]:
        if method == "GET":
            assert MARKER not in (await client.get(address(path, theirs))).text, path


async def test_a_route_of_a_key_shows_nothing_to_another_key_of_the_tenant(
    open_client: OpenClient, theirs: dict[str, str], tenant: UUID
) -> None:
    client = await open_client(tenant, "user")
    assert theirs["action_id"]
    for method, path in within("own"):
        if method == "GET":
            reply = await client.get(address(path, theirs))
            assert MARKER not in reply.text, path
            assert theirs["action_id"] not in reply.text or reply.status_code == 404, path
    assert (await client.get("/v1/actions")).json()["items"] == []
    assert (await client.get(f"/v1/actions/{theirs['action_id']}")).status_code == 404
