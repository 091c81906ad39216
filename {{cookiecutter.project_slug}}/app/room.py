"""The HTTP entry point of a room that runs alone and is called by other processes of the service only."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from app import __version__
from app.core.admission import Admission, AdmissionControl, AdmissionLimits
from app.core.background import background
from app.core.http import Observed, install_problem_handlers
from app.core.intake import BodyLimits, Intake
from app.core.ownership import OwnershipPolicy
from app.core.rooms import RoomsOnly
from app.core.slots import Slots
from app.core.system_routes import OPEN, system
from app.retrieval.routes import room_router
from app.setup.retrieval_room import RetrievalRoom

MAX_CALL_BYTES = 1_000_000


def create_room_app(room: RetrievalRoom) -> FastAPI:
    """Create the application: internal routes behind the key of the processes, health and metrics. No documentation:
    nobody else is to call it.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with background(*room.background()):
            yield

    service = room.policies.get(OwnershipPolicy).service
    app = FastAPI(
        title=f"{service}: retrieval",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )
    app.state.provided = room.provided
    install_problem_handlers(app)
    app.include_router(room_router)
    app.include_router(system)
    settings = room.settings
    admission = AdmissionLimits(Slots("room", lambda: settings.max_requests), {}, OPEN)
    limits = BodyLimits(MAX_CALL_BYTES, {}, set(), settings.body_seconds, settings.max_buffered_body_bytes)
    app.add_middleware(Intake, limits=limits, admission=admission)
    app.add_middleware(RoomsOnly, keys=room.keys, open_paths=OPEN)
    app.add_middleware(Observed)
    app.state.admission = AdmissionControl(admission)
    app.add_middleware(Admission, control=app.state.admission)
    return app
