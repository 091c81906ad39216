from collections.abc import Callable, Coroutine, MutableMapping
from typing import Annotated, Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from fastapi.routing import APIRoute

from app.core.errors import Forbidden, NotFound, Problem, Unauthenticated
from app.core.http import Receive, Scope, Send, provided, request_id_of
from app.core.problems import problem_response
from app.identity.domain import PermissionMissing, Principal
from app.identity.service.caller import require
from app.mcp.domain.sources import METADATA_PATH, AllowedSources, ProtectedResource
from app.mcp.domain.tools import USE_PERMISSION
from app.mcp.ports import CallerTools, ToolTransport
from app.mcp.service import ToolServer
from app.releases.domain import PRODUCTION, STAGING, check_environment


class ChallengingRoute(APIRoute):
    """Tells a client without a sufficient token where it gets one."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def challenged(request: Request) -> Response:
            try:
                return await handle(request)
            except (Unauthenticated, PermissionMissing) as problem:
                return _challenge(request, problem)

        return challenged


def _challenge(request: Request, problem: Problem) -> Response:
    resource: ProtectedResource = request.app.state.provided[ProtectedResource]
    response = problem_response(problem, request_id_of(request), request.url.path)
    scope = ', error="insufficient_scope"' if isinstance(problem, Forbidden) else ""
    response.headers["www-authenticate"] = resource.challenge + scope
    return response


class ToolExchange(Response):
    """One request of the protocol and its response, which the transport writes."""

    def __init__(self, transport: ToolTransport, tools: CallerTools) -> None:
        super().__init__()
        self._transport, self._tools = transport, tools

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def numbered(message: MutableMapping[str, Any]) -> None:
            """The transport writes names of statuses, which logs and metrics would repeat."""
            if message["type"] == "http.response.start":
                message["status"] = int(message["status"])
            await send(message)

        await self._transport.serve(self._tools, scope, receive, numbered)


router = APIRouter(tags=["mcp"], route_class=ChallengingRoute)

Resource = Annotated[ProtectedResource, provided(ProtectedResource)]


@router.post("/mcp", include_in_schema=False)
async def exchange(
    request: Request,
    caller: Annotated[Principal, require(USE_PERMISSION)],
    sources: Annotated[AllowedSources, provided(AllowedSources)],
    server: Annotated[ToolServer, provided(ToolServer)],
    transport: Annotated[ToolTransport, provided(ToolTransport)],
) -> Response:
    """A message of the Model Context Protocol (streamable HTTP, without sessions): tools to search, answer, read
    documents and propose actions, with the rights, limits and budgets of the key.
    """
    sources.check(request.headers.get("host"), request.headers.get("origin"))
    name = request.headers.get("x-environment")
    environment = None if name is None or check_environment(name.strip().lower()) == PRODUCTION else STAGING
    if environment == STAGING:
        caller.require("staging:use")
    return ToolExchange(transport, server.of(caller, environment))


@router.get(METADATA_PATH)
async def describe_service(resource: Resource) -> JSONResponse:
    """As for /mcp."""
    return _described(resource)


@router.get(f"{METADATA_PATH}/mcp")
async def describe_resource(resource: Resource) -> JSONResponse:
    """Where clients of /mcp get access tokens, by RFC 9728; 404 where the service takes API keys alone."""
    return _described(resource)


def _described(resource: ProtectedResource) -> JSONResponse:
    """Errors: NotFound."""
    if (metadata := resource.metadata) is None:
        raise NotFound("This service takes API keys alone, or APP_PUBLIC_URL is not set.")
    return JSONResponse(metadata, headers={"cache-control": "max-age=3600"})
