"""The HTTP entry point."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from app import __version__
from app.actions import routes as actions_routes
from app.adapters.swagger import add_documentation
from app.console import routes as console_routes
from app.console.service import addresses
from app.core.admission import Admission, AdmissionLimits
from app.core.database import background
from app.core.health import Health
from app.core.http import Closed, Observed, install_problem_handlers
from app.core.intake import BodyLimits, Intake
from app.core.ownership import OwnershipPolicy
from app.core.prefix import UnderPrefix
from app.core.slots import Slots
from app.costs import routes as costs_routes
from app.evaluation import routes as evaluation_routes
from app.governance import routes as governance_routes
from app.identity import routes as identity_routes
from app.inference import routes as inference_routes
from app.inference.domain.answer import TooManyAnswers
from app.ingestion import routes as ingestion_routes
from app.releases import routes as releases_routes
from app.retrieval import routes as retrieval_routes
from app.review import routes as review_routes
from app.safety.domain.policy import SecurityPolicy
from app.wiring import State

MAX_BODY_BYTES = 1_000_000

system = APIRouter(tags=["system"])


@system.get("/health/live")
async def live() -> dict[str, str]:
    """The process is alive. Dependencies are not checked, because a restart would not repair them."""
    return {"status": "ok"}


@system.get("/health/ready")
async def ready(request: Request) -> Response:
    """Whether requests can be served, with each dependency and what is wrong with it; 503 when one is down.

    Notes report what an operator has to do although requests are served, such as approve a release.
    """
    health: Health = request.app.state.provided[Health]
    checks, notes = await asyncio.gather(health.report(), health.notes())
    good = all(state == "ok" for state in checks.values())
    body = {"status": "ok" if good else "down", "checks": checks, "notes": notes}
    return JSONResponse(body, 200 if good else 503)


@system.get("/metrics")
async def metrics() -> Response:
    """Prometheus text format."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


ROUTERS = (
    console_routes.router,
    governance_routes.router,
    review_routes.router,
    evaluation_routes.router,
    inference_routes.router,
    ingestion_routes.router,
    actions_routes.router,
    retrieval_routes.router,
    releases_routes.router,
    costs_routes.router,
    identity_routes.router,
    system,
)
"""In the order of the map of rooms."""


OPEN = {"/health/live", "/health/ready", "/metrics"}


def _describe(app: FastAPI, prefix: str) -> dict[str, Any]:
    """The OpenAPI document, with the API key as the security scheme of all routes except the open ones."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title, version=app.version, contact=app.contact, routes=app.routes, description=app.description
        )
        if prefix:
            document["servers"] = [{"url": prefix}]
        document["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        for path, methods in document["paths"].items():
            for operation in methods.values():
                operation["security"] = [] if path in OPEN else [{"key": []}]
        app.openapi_schema = document
    return app.openapi_schema


def create_app(state: State) -> FastAPI:
    """Create the application for a state."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with background(*state.background()):
            yield

    ownership = state.policies.get(OwnershipPolicy)
    app = FastAPI(
        title=ownership.service,
        version=__version__,
        contact={"name": ownership.owner, "email": ownership.on_call},
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    app.state.provided = state.provided
    app.openapi = lambda: _describe(app, state.settings.root_path)  # type: ignore[method-assign]
    install_problem_handlers(app)
    console = addresses() if state.settings.console else set()
    for router in ROUTERS:
        if console or router is not console_routes.router:
            app.include_router(router)
    add_documentation(app, state.settings.root_path)
    admission = _admission_limits(state)
    app.add_middleware(Intake, limits=_body_limits(state), admission=admission)
    app.add_middleware(Closed, why=state.environments.closed, open_paths=OPEN | console)
    app.add_middleware(Observed)
    app.add_middleware(Admission, limits=admission)
    if prefix := state.settings.root_path:
        app.add_middleware(UnderPrefix, prefix=prefix)
    return app


UPLOADS, ANSWERS = "/v1/documents", ("/v1/answers", "/v1/chat/completions")


def _body_limits(state: State) -> BodyLimits:
    settings, uploads = state.settings, state.policies.get(SecurityPolicy).limits.upload_request_bytes
    return BodyLimits(
        MAX_BODY_BYTES, {UPLOADS: uploads}, {UPLOADS}, settings.body_seconds, settings.max_buffered_body_bytes
    )


def _admission_limits(state: State) -> AdmissionLimits:
    """Separate limits for answers, uploads and all other paths; health checks are never rejected."""
    settings = state.settings
    answers = Slots("answers", lambda: state.answers.max_concurrent, TooManyAnswers)
    uploads = Slots("uploads", lambda: settings.max_uploads)
    by_path = dict.fromkeys(ANSWERS, answers) | {UPLOADS: uploads}
    return AdmissionLimits(Slots("other", lambda: settings.max_requests), by_path, OPEN)
