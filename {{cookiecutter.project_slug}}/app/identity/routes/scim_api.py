"""SCIM 2.0: users and groups that the identity provider provisions. Source: RFC 7644."""

import json
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.routing import APIRoute

from app.core.errors import Problem
from app.core.http import provided
from app.core.text import check_value
from app.identity.domain import Principal
from app.identity.domain.provisioning import NameTaken, ScimNotFound, ScimProblem
from app.identity.domain.scim import (
    GROUP,
    USER,
    Attributes,
    ScimBody,
    filter_of,
    group_of,
    patched_group,
    patched_user,
    user_of,
)
from app.identity.domain.scim_discovery import MAX_RESULTS, resource_types, schemas, service_provider
from app.identity.domain.scim_views import chosen, error_of, group_view, list_view, user_view
from app.identity.service import Identity, Provisioning
from app.identity.service.caller import require

MEDIA_TYPE = "application/scim+json"


class ScimRoute(APIRoute):
    """Its errors have the form of SCIM."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handler(request: Request) -> Response:
            try:
                return await handle(request)
            except RequestValidationError as error:
                where = ".".join(str(part) for part in error.errors()[0]["loc"])
                return _response(error_of(400, "invalidValue", f"{where} is not valid."), 400)
            except Problem as problem:
                scim_type = "uniqueness" if isinstance(problem, NameTaken) else problem.extra.get("scim_type")
                response = _response(error_of(problem.status, scim_type, problem.detail), problem.status)
                if problem.retry_after:
                    response.headers["retry-after"] = str(max(1, round(problem.retry_after)))
                return response

        return handler


router = APIRouter(prefix="/scim/v2", tags=["scim"], include_in_schema=False, route_class=ScimRoute)

Provisioner = Annotated[Principal, require("accounts:provision")]
Filter = Annotated[str | None, Query(max_length=1000)]
StartIndex = Annotated[int, Query(alias="startIndex", le=1_000_000_000)]
Count = Annotated[int, Query(le=1_000_000_000)]
Named = Annotated[str | None, Query(max_length=1000)]
Unnamed = Annotated[str | None, Query(alias="excludedAttributes", max_length=1000)]


@dataclass(frozen=True)
class AttributeChoice:
    """The attributes of a resource that a caller wants (3.9)."""

    attributes: Named = None
    excluded: Unnamed = None

    def of(self, view: ScimBody) -> ScimBody:
        return chosen(view, self.attributes, self.excluded)


@dataclass(frozen=True)
class ListQuery:
    """What a list is asked for: what is too small or too large is brought into bounds (3.4.2.4)."""

    filter: Filter = None
    start: StartIndex = 1
    count: Count = 100

    @property
    def offset(self) -> int:
        return max(self.start, 1) - 1

    @property
    def limit(self) -> int:
        return min(max(self.count, 0), MAX_RESULTS)


Choice = Annotated[AttributeChoice, Depends()]
Listing = Annotated[ListQuery, Depends()]


def _provisioning(identity: Annotated[Identity, provided(Identity)]) -> Provisioning:
    assert identity.provisioning  # noqa: S101, wiring sets it
    return identity.provisioning


Accounts = Annotated[Provisioning, Depends(_provisioning)]


def _response(body: ScimBody | None, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    content = None if body is None else json.dumps(body).encode()
    return Response(content, status, dict(headers or {}), MEDIA_TYPE)


def _base(request: Request) -> str:
    return str(request.base_url).rstrip("/") + "/scim/v2"


async def _body(request: Request) -> Attributes:
    """Errors: ScimProblem, Invalid."""
    try:
        body = json.loads(await request.body())
    except (ValueError, RecursionError) as error:
        raise ScimProblem("invalidSyntax", "The body is not valid JSON.") from error
    if not isinstance(body, dict):
        raise ScimProblem("invalidSyntax", "The body is no JSON object.")
    check_value(body, "body")
    return body


@router.get("/ServiceProviderConfig")
async def show_service_provider(caller: Provisioner, request: Request) -> Response:
    """What this service offers of SCIM."""
    return _response(service_provider(_base(request)))


@router.get("/ResourceTypes")
async def list_resource_types(caller: Provisioner, request: Request) -> Response:
    """Users and groups."""
    items = list(resource_types(_base(request)).values())
    return _response(list_view(len(items), 0, items))


@router.get("/ResourceTypes/{name}")
async def show_resource_type(name: str, caller: Provisioner, request: Request) -> Response:
    """One of them."""
    return _response(_named(resource_types(_base(request)), name))


@router.get("/Schemas")
async def list_schemas(caller: Provisioner, request: Request) -> Response:
    """The attributes of users and groups."""
    items = list(schemas(_base(request)).values())
    return _response(list_view(len(items), 0, items))


@router.get("/Schemas/{name}")
async def show_schema(name: str, caller: Provisioner, request: Request) -> Response:
    """One of them."""
    return _response(_named(schemas(_base(request)), name))


def _named(items: Mapping[str, ScimBody], name: str) -> ScimBody:
    if name not in items:
        raise ScimNotFound(f"There is no {name[:100]}.")
    return items[name]


@router.get("/Users")
async def list_users(
    request: Request, caller: Provisioner, accounts: Accounts, listing: Listing, choice: Choice
) -> Response:
    """Users of the caller's tenant, the oldest first."""
    where = filter_of(listing.filter, USER)
    total, found = await accounts.users(caller, where, listing.offset, listing.limit)
    views = [choice.of(user_view(each, _base(request))) for each in found]
    return _response(list_view(total, listing.offset, views))


@router.post("/Users")
async def create_user(request: Request, caller: Provisioner, accounts: Accounts) -> Response:
    """Creates a user."""
    content = user_of(await _body(request))
    view = user_view(await accounts.put_user(caller, None, lambda _: content), _base(request))
    return _response(view, 201, {"location": view["meta"]["location"]})


@router.get("/Users/{user_id}")
async def show_user(
    user_id: UUID, request: Request, caller: Provisioner, accounts: Accounts, choice: Choice
) -> Response:
    """One user."""
    return _response(choice.of(user_view(await accounts.user(caller, user_id), _base(request))))


@router.put("/Users/{user_id}")
async def replace_user(user_id: UUID, request: Request, caller: Provisioner, accounts: Accounts) -> Response:
    """Replaces a user; `active: false` ends its access at the next request."""
    content = user_of(await _body(request))
    stored = await accounts.put_user(caller, user_id, lambda _: content)
    return _response(user_view(stored, _base(request)))


@router.patch("/Users/{user_id}")
async def patch_user(user_id: UUID, request: Request, caller: Provisioner, accounts: Accounts) -> Response:
    """Changes attributes of a user."""
    body = await _body(request)
    stored = await accounts.put_user(
        caller, user_id, lambda before: patched_user(before, body) if before else user_of(body)
    )
    return _response(user_view(stored, _base(request)))


@router.delete("/Users/{user_id}")
async def delete_user(user_id: UUID, caller: Provisioner, accounts: Accounts) -> Response:
    """Deletes a user: its access ends at the next request."""
    await accounts.delete_user(caller, user_id)
    return Response(None, 204)


@router.get("/Groups")
async def list_groups(
    request: Request, caller: Provisioner, accounts: Accounts, listing: Listing, choice: Choice
) -> Response:
    """Groups of the caller's tenant, the oldest first."""
    where = filter_of(listing.filter, GROUP)
    total, found = await accounts.groups(caller, where, listing.offset, listing.limit)
    views = [choice.of(group_view(each, _base(request))) for each in found]
    return _response(list_view(total, listing.offset, views))


@router.post("/Groups")
async def create_group(request: Request, caller: Provisioner, accounts: Accounts) -> Response:
    """Creates a group: from now on its name in tokens counts for its members alone."""
    content = group_of(await _body(request))
    view = group_view(await accounts.put_group(caller, None, lambda _: content), _base(request))
    return _response(view, 201, {"location": view["meta"]["location"]})


@router.get("/Groups/{group_id}")
async def show_group(
    group_id: UUID, request: Request, caller: Provisioner, accounts: Accounts, choice: Choice
) -> Response:
    """One group."""
    return _response(choice.of(group_view(await accounts.group(caller, group_id), _base(request))))


@router.put("/Groups/{group_id}")
async def replace_group(group_id: UUID, request: Request, caller: Provisioner, accounts: Accounts) -> Response:
    """Replaces a group with its members."""
    content = group_of(await _body(request))
    stored = await accounts.put_group(caller, group_id, lambda _: content)
    return _response(group_view(stored, _base(request)))


@router.patch("/Groups/{group_id}")
async def patch_group(group_id: UUID, request: Request, caller: Provisioner, accounts: Accounts) -> Response:
    """Changes a group: who is taken out of it loses what it gives at the next request."""
    body = await _body(request)
    stored = await accounts.put_group(
        caller, group_id, lambda before: patched_group(before, body) if before else group_of(body)
    )
    return _response(group_view(stored, _base(request)))


@router.delete("/Groups/{group_id}")
async def delete_group(group_id: UUID, caller: Provisioner, accounts: Accounts) -> Response:
    """Deletes a group: its name in tokens gives nobody anything any more."""
    await accounts.delete_group(caller, group_id)
    return Response(None, 204)


@router.get("/{path:path}")
async def refuse_unknown(path: str, caller: Provisioner) -> Response:
    """What is at no address of SCIM is refused in its form."""
    raise ScimNotFound(f"There is nothing at {path[:100]}.")
