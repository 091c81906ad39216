"""Health and metrics, which every process with an HTTP server has."""

import asyncio

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from app.core.health import Health
from app.core.openapi import JSON_OBJECT

OPEN = frozenset({"/health/live", "/health/ready", "/metrics"})
"""Paths that need no key and are never rejected."""

system = APIRouter(tags=["system"])


@system.get("/health/live")
async def live() -> dict[str, str]:
    """The process is alive. Dependencies are not checked, because a restart would not repair them."""
    return {"status": "ok"}


@system.get(
    "/health/ready", responses={**JSON_OBJECT, 503: {**JSON_OBJECT[200], "description": "A dependency is down."}}
)
async def ready(request: Request) -> Response:
    """Whether requests can be served, with each dependency and what is wrong with it; 503 when one is down.

    Notes report what an operator has to do although requests are served, such as approve a release. `template` is the
    version of the template.
    """
    health: Health = request.app.state.provided[Health]
    checks, notes = await asyncio.gather(health.report(), health.notes())
    good = all(state == "ok" for state in checks.values())
    body = {"status": "ok" if good else "down", "checks": checks, "notes": notes, "template": health.template}
    return JSONResponse(body, 200 if good else 503)


@system.get("/metrics", response_class=PlainTextResponse)
async def metrics() -> Response:
    """Prometheus text format."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
