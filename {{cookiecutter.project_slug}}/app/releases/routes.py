from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, File, Query, UploadFile
from fastapi.responses import Response

from app.core.http import provided
from app.core.text import LARGEST_32
from app.identity.domain import Principal
from app.identity.service import require
from app.releases.domain import Release, check_environment
from app.releases.schemas import (
    AbortCanaryRequest,
    ActivationRequest,
    CanaryRequest,
    EnvironmentName,
    MoveListResponse,
    MoveResponse,
    ReleaseDiffResponse,
    ReleaseListResponse,
    ReleaseRequest,
    ReleaseResponse,
    ReleaseSummaryResponse,
    RollbackRequest,
    ServedReleaseResponse,
)
from app.releases.service import Environments, Releases, Rollouts
from app.releases.service.secrets import SigningSecret

router = APIRouter(tags=["releases"])

Reader = Annotated[Principal, require("releases:read")]
Author = Annotated[Principal, require("releases:write")]
Operator = Annotated[Principal, require("releases:activate")]
Service = Annotated[Releases, provided(Releases)]
Places = Annotated[Environments, provided(Environments)]
RolloutService = Annotated[Rollouts, provided(Rollouts)]
Below = Annotated[int | None, Query(ge=0, le=LARGEST_32)]
Secret = Annotated[SigningSecret, provided(SigningSecret)]


async def _view(releases: Releases, wanted: str) -> ReleaseResponse:
    release, parts = await releases.show(wanted)
    return ReleaseResponse.of(release, parts, await releases.history(release.id))


async def _line(releases: Releases, release: Release) -> ReleaseSummaryResponse:
    return ReleaseSummaryResponse.line(release, (await releases.history(release.id)).state)


@router.get("/v1/releases")
async def list_releases(
    _: Reader, releases: Service, limit: Annotated[int, Query(ge=1, le=200)] = 50, below: Below = None
) -> ReleaseListResponse:
    """Every release, the newest first, with its state."""
    rows = await releases.list(limit, below)
    items = [ReleaseSummaryResponse.line(release, state) for release, state in rows]
    return ReleaseListResponse(items=items, below=items[-1].number if len(items) == limit else None)


@router.post("/v1/releases", status_code=201)
async def create_release(body: ReleaseRequest, caller: Author, releases: Service) -> ReleaseResponse:
    """Makes a draft. The same parts are the same release: then the one that is stored is shown."""
    release = await releases.create(
        caller.name, base=body.base, index=body.index, changes=body.changes, reason=body.reason
    )
    return await _view(releases, release.id)


@router.get("/v1/releases/current")
async def current_release(_: Reader, releases: Service, places: Places) -> ReleaseResponse:
    """The release that new answers in production belong to, with the text of its prompts and policies."""
    return await _view(releases, (await places.resolve()).id)


@router.get("/v1/releases/at")
async def served_at(
    caller: Reader,
    places: Places,
    time: datetime,
    environment: EnvironmentName = "production",
    tenant: UUID | None = None,
    conversation: str | None = None,
) -> ServedReleaseResponse:
    """What an environment served at a moment, to a tenant (yours unless named) or a conversation of it."""
    moment = time if time.tzinfo else time.astimezone()
    move = await places.at(moment, environment)
    if move.canary is None:
        return ServedReleaseResponse(move=MoveResponse.of(move), release_id=move.release_id, arm="live")
    whose = tenant or caller.tenant_id
    canary = move.canary.takes(f"{whose}:{conversation}" if conversation else str(whose))
    served = move.canary.release_id if canary else move.release_id
    return ServedReleaseResponse(move=MoveResponse.of(move), release_id=served, arm="canary" if canary else "control")


@router.post("/v1/releases/import", status_code=201)
async def import_release(
    caller: Author, releases: Service, secret: Secret, file: Annotated[UploadFile, File()]
) -> ReleaseResponse:
    """Takes in a release that another deployment exported; it is a draft here."""
    release = await releases.import_bundle(caller.name, await file.read(), secret.given())
    return await _view(releases, release.id)


@router.get("/v1/releases/{release_id}")
async def show_release(release_id: str, _: Reader, releases: Service) -> ReleaseResponse:
    """Any release ever made, by its number, its id or the first eight digits or more of it."""
    return await _view(releases, release_id)


@router.get("/v1/releases/{release_id}/diff")
async def diff_release(
    release_id: str, _: Reader, releases: Service, places: Places, to: str | None = None
) -> ReleaseDiffResponse:
    """What the release changes against another one; against the live one unless `to` names it."""
    old, new, changes = await releases.compare(to or places.current().id, release_id)
    return ReleaseDiffResponse.of(await _line(releases, old), await _line(releases, new), changes)


@router.get("/v1/releases/{release_id}/export")
async def export_release(release_id: str, _: Author, releases: Service, secret: Secret) -> Response:
    """The release with all its parts as one signed file."""
    return Response(await releases.export(release_id, secret.given()), media_type="application/json")


@router.get("/v1/environments/{environment}/moves")
async def moves(
    environment: str, _: Reader, places: Places, limit: Annotated[int, Query(ge=1, le=200)] = 50
) -> MoveListResponse:
    """Every change of what the environment points to, the newest first."""
    found = await places.moves(check_environment(environment), limit)
    return MoveListResponse(items=[MoveResponse.of(move) for move in found])


@router.post("/v1/environments/{environment}/activate")
async def activate(
    environment: str, body: ActivationRequest, caller: Operator, releases: Service, rollouts: RolloutService
) -> ReleaseResponse:
    """The release goes live there. Production needs an approval that holds at this moment. No request fails."""
    release = await rollouts.activate(
        caller.name, body.release, body.reason, check_environment(environment), break_glass=body.break_glass
    )
    return await _view(releases, release.id)


@router.post("/v1/environments/{environment}/rollback")
async def rollback(
    environment: str, body: RollbackRequest, caller: Operator, releases: Service, rollouts: RolloutService
) -> ReleaseResponse:
    """Back to a release that was live and approved, without asking any gate; while a canary runs, the canary ends."""
    release = await rollouts.rollback(caller.name, body.reason, check_environment(environment), body.to)
    return await _view(releases, release.id)


@router.post("/v1/environments/production/canary", status_code=201)
async def start_canary(
    body: CanaryRequest, caller: Operator, releases: Service, rollouts: RolloutService
) -> ReleaseResponse:
    """Part of the callers get an approved release, and it is judged against the others."""
    release = await rollouts.start_canary(caller.name, body.release, body.percent, body.reason)
    return await _view(releases, release.id)


@router.post("/v1/environments/production/canary/abort")
async def abort_canary(
    body: AbortCanaryRequest, caller: Operator, releases: Service, rollouts: RolloutService
) -> ReleaseResponse:
    """Everybody gets the live release again."""
    release = await rollouts.end_canary(caller.name, body.reason)
    return await _view(releases, release.id)
