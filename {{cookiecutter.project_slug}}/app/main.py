"""The HTTP entry point."""

import functools
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.routing import BaseRoute

from app import __version__
from app.actions import routes as actions_routes
from app.adapters.swagger import add_documentation
from app.console import routes as console_routes
from app.console.service import addresses
from app.core.admission import Admission, AdmissionControl, AdmissionLimits, LimitAdaptation
from app.core.background import background
from app.core.concurrency_limit import AdaptiveLimit
from app.core.cors import CrossOrigin, origin_headers
from app.core.health import Health
from app.core.http import Closed, Observed, install_problem_handlers
from app.core.intake import BodyLimits, Intake
from app.core.methods import HeadAndOptions
from app.core.openapi import complete
from app.core.ownership import OwnershipPolicy
from app.core.prefix import UnderPrefix
from app.core.reply_masking import WithoutSecrets
from app.core.slo import SloPolicy
from app.core.slots import QueueRules, Slots
from app.core.system_routes import OPEN, system
from app.costs import routes as costs_routes
from app.evaluation import routes as evaluation_routes
from app.governance import routes as governance_routes
from app.identity import routes as identity_routes
from app.inference import routes as inference_routes
from app.inference.domain.answer import TooManyAnswers
from app.ingestion import routes as ingestion_routes
from app.mcp import routes as mcp_routes
from app.mcp.domain.sources import METADATA_PATH
from app.monitoring import routes as monitoring_routes
from app.privacy import routes as privacy_routes
from app.releases import routes as releases_routes
from app.retrieval import routes as retrieval_routes
from app.review import routes as review_routes
from app.safety.domain.policy import SecurityPolicy
from app.setup.rooms import serving
from app.wiring import State

MAX_BODY_BYTES = 1_000_000
SYSTEM = "system"

ROUTERS: Mapping[str, APIRouter] = {
    "console": console_routes.router,
    "privacy": privacy_routes.router,
    "governance": governance_routes.router,
    "review": review_routes.router,
    "monitoring": monitoring_routes.router,
    "evaluation": evaluation_routes.router,
    "mcp": mcp_routes.router,
    "inference": inference_routes.router,
    "ingestion": ingestion_routes.router,
    "actions": actions_routes.router,
    "retrieval": retrieval_routes.router,
    "releases": releases_routes.router,
    "costs": costs_routes.router,
    "identity": identity_routes.router,
    SYSTEM: system,
}
"""By room, in the order of the map of rooms."""


WITHOUT_KEY = OPEN | {"/v1/oidc/backchannel-logout", METADATA_PATH, f"{METADATA_PATH}/mcp"}
"""Paths that need no key: the identity provider signs what it sends, and a client learns where it gets a token."""


DESCRIPTION = """Answers questions from documents, with citations, or says that they hold no answer.

Errors are problem details (RFC 9457). Lists are read page by page with `after` and `limit`."""


def _describe(app: FastAPI, prefix: str) -> dict[str, Any]:
    """The OpenAPI document, with the API key as the security scheme of all routes except the open ones."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            contact=app.contact,
            routes=app.routes,
            description=DESCRIPTION,
            servers=[{"url": prefix or "/"}],
        )
        app.openapi_schema = complete(document, WITHOUT_KEY)
    return app.openapi_schema


def create_app(state: State, only: str | None = None) -> FastAPI:
    """Create the application for a state. only: the room whose routes it has, besides health and metrics; None: all.

    Errors: StartRefused, for a room that does not run alone.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with background(*state.background(), adaptation.watch):
            yield

    ownership = state.policies.get(OwnershipPolicy)
    adaptation = _adaptation(state)
    app = FastAPI(
        title=ownership.service,
        version=__version__,
        contact={"name": ownership.owner, "email": ownership.on_call},
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    app.state.provided = state.provided | {Health: state.health_of(serving(only))}
    app.openapi = lambda: _describe(app, state.settings.root_path)  # type: ignore[method-assign]
    install_problem_handlers(app)
    console = addresses() if state.settings.console and only is None else set()
    rooms = [room for room in ROUTERS if only in (None, room) or room == SYSTEM]
    off = {name for name, on in (("console", console), ("mcp", state.settings.mcp)) if not on}
    app.router.routes.extend(_routes(*(room for room in rooms if room not in off)))
    if only is None and state.extensions.router:
        app.include_router(state.extensions.router)
    add_documentation(app, state.settings.root_path)
    limits = _admission_limits(state, adaptation.slots)
    app.add_middleware(WithoutSecrets, unmasked=UNMASKED)
    app.add_middleware(HeadAndOptions, routes=lambda: app.routes)
    app.add_middleware(Intake, limits=_body_limits(state), admission=limits)
    app.add_middleware(Closed, why=state.environments.closed, open_paths=WITHOUT_KEY | console)
    app.add_middleware(Observed)
    app.state.admission = AdmissionControl(limits, origin_headers(state.settings.cors_origins))
    app.add_middleware(Admission, control=app.state.admission)
    if origins := state.settings.cors_origins:
        app.add_middleware(CrossOrigin, origins=origins)
    if prefix := state.settings.root_path:
        app.add_middleware(UnderPrefix, prefix=prefix)
    return app


UPLOADS = "/v1/documents"
ANSWERS = ("/v1/answers", "/v1/chat/completions", "/v1/responses", "/mcp")
UNMASKED: Mapping[str, str] = {
    **{f"POST {path}": "It is filtered where it is made." for path in (*ANSWERS, "/v1/search")},
    "POST /v1/embeddings": "It is numbers.",
    "POST /v1/keys": "A new key is shown this once.",
    "GET /v1/documents/{document_id}/original": "The file as uploaded, for those who may have it.",
    "GET /v1/quarantine/{entry}/original": "The file as uploaded, for those who decide on it.",
    "GET /v1/documents/{document_id}/text": "It is masked sign by sign where it is read, so that offsets stay valid.",
    "GET /v1/releases/{release_id}/export": "Its signature covers each sign.",
    "GET /v1/evaluations/{run_id}/report.json": "Its digest covers each sign; texts are masked where it is made.",
    "GET /v1/audit": "Its hashes cover each sign; lines are masked before they are written.",
}
"""Routes that `WithoutSecrets` leaves alone, each with the reason."""


@functools.cache
def _routes(*rooms: str) -> Sequence[BaseRoute]:
    """The routes of these rooms, which applications share: they hold no state, and FastAPI analyses each only once.

    A request is compared with one after the other, so that those of answers come first.
    """
    routes = [route for room in rooms for route in ROUTERS[room].routes]
    return sorted(routes, key=lambda route: getattr(route, "path", None) not in ANSWERS)


def _body_limits(state: State) -> BodyLimits:
    settings, uploads = state.settings, state.policies.get(SecurityPolicy).limits.upload_request_bytes
    return BodyLimits(
        MAX_BODY_BYTES, {UPLOADS: uploads}, {UPLOADS}, settings.body_seconds, settings.max_buffered_body_bytes
    )


def _adaptation(state: State) -> LimitAdaptation:
    """The slots of answers, with a limit that adapts between the bounds of the policies."""
    slo, answers = state.policies.get(SloPolicy), state.answers
    rules = slo.overload
    limit = AdaptiveLimit(
        rules.min_answers, rules.initial_answers, lambda: answers.max_concurrent, rules.target_wait_ms / 1000
    )
    queue = QueueRules(slo.longest_wait_seconds, rules.max_waiting, rules.tenant_share)
    slots = Slots("answers", lambda: limit.current, TooManyAnswers, queue, answers.brownout)
    return LimitAdaptation(slots, limit, state.database.waits)


def _admission_limits(state: State, answers: Slots) -> AdmissionLimits:
    """Separate limits for answers, uploads and all other paths; health checks are never rejected."""
    settings, slo = state.settings, state.policies.get(SloPolicy)
    queue = QueueRules(slo.longest_wait_seconds, slo.overload.max_waiting, slo.overload.tenant_share)
    uploads = Slots("uploads", lambda: settings.max_uploads, rules=queue)
    other = Slots("other", lambda: settings.max_requests, rules=queue)
    by_path = dict.fromkeys(ANSWERS, answers) | {UPLOADS: uploads}
    return AdmissionLimits(other, by_path, OPEN, state.identity.known_tenants.of, settings.root_path)
