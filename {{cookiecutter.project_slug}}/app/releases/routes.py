from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, File, Path, Query, UploadFile
from fastapi.responses import Response

from app.core.http import provided
from app.core.openapi import JSON_OBJECT
from app.core.text import LARGEST_32
from app.core.times import Moment
from app.identity.domain import Principal
from app.identity.service.caller import require
from app.releases.domain import PRODUCTION, STAGING, Release, check_environment
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
EnvironmentService = Annotated[Environments, provided(Environments)]
RolloutService = Annotated[Rollouts, provided(Rollouts)]
Below = Annotated[int | None, Query(ge=0, le=LARGEST_32)]
NamedEnvironment = Annotated[str, Path(json_schema_extra={"enum": [PRODUCTION, STAGING]})]
Secret = Annotated[SigningSecret, provided(SigningSecret)]


async def _view(releases: Releases, release_id: str) -> ReleaseResponse:
    release, parts = await releases.show(release_id)
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
    """Creates a draft. The same parts give the same release, so the stored one is returned when there is one."""
    release = await releases.create(
        caller.name, base=body.base, index=body.index, changes=body.changes, reason=body.reason
    )
    return await _view(releases, release.id)


@router.get("/v1/releases/current")
async def current_release(_: Reader, releases: Service, environments: EnvironmentService) -> ReleaseResponse:
    """The live release in production, with the text of its prompts and policies."""
    return await _view(releases, (await environments.resolve()).id)


@router.get("/v1/releases/at")
async def served_at(
    caller: Reader,
    environments: EnvironmentService,
    time: Moment,
    environment: EnvironmentName = "production",
    tenant: UUID | None = None,
    conversation: str | None = None,
) -> ServedReleaseResponse:
    """The release that an environment served at a moment, to a tenant (yours unless named) or a conversation of it."""
    move = await environments.at(time, environment)
    if move.canary is None:
        return ServedReleaseResponse(move=MoveResponse.model_validate(move), release_id=move.release_id, arm="live")
    whose = tenant or caller.tenant_id
    canary = move.canary.takes(f"{whose}:{conversation}" if conversation else str(whose))
    served = move.canary.release_id if canary else move.release_id
    arm = "canary" if canary else "control"
    return ServedReleaseResponse(move=MoveResponse.model_validate(move), release_id=served, arm=arm)


@router.post("/v1/releases/import", status_code=201)
async def import_release(
    caller: Author, releases: Service, secret: Secret, file: Annotated[UploadFile, File()]
) -> ReleaseResponse:
    """Imports a release that another deployment exported, as a draft."""
    release = await releases.import_bundle(caller.name, await file.read(), secret.read())
    return await _view(releases, release.id)


@router.get("/v1/releases/{release_id}")
async def show_release(release_id: str, _: Reader, releases: Service) -> ReleaseResponse:
    """A release by its number, its id, or the first eight digits or more of the id."""
    return await _view(releases, release_id)


@router.get("/v1/releases/{release_id}/diff")
async def diff_release(
    release_id: str, _: Reader, releases: Service, environments: EnvironmentService, to: str | None = None
) -> ReleaseDiffResponse:
    """The differences from another release, the live one unless `to` names it."""
    old, new, changes = await releases.compare(to or environments.current().id, release_id)
    return ReleaseDiffResponse.of(await _line(releases, old), await _line(releases, new), changes)


@router.get("/v1/releases/{release_id}/export", response_class=Response, responses=JSON_OBJECT)
async def export_release(release_id: str, _: Author, releases: Service, secret: Secret) -> Response:
    """The release with all its parts as one signed file."""
    return Response(await releases.export(release_id, secret.read()), media_type="application/json")


@router.get("/v1/environments/{environment}/moves")
async def moves(
    environment: NamedEnvironment,
    _: Reader,
    environments: EnvironmentService,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> MoveListResponse:
    """The moves of the environment, the newest first."""
    moves = await environments.moves(check_environment(environment), limit)
    return MoveListResponse(items=[MoveResponse.model_validate(move) for move in moves])


@router.post("/v1/environments/{environment}/activate")
async def activate(
    environment: NamedEnvironment,
    body: ActivationRequest,
    caller: Operator,
    releases: Service,
    rollouts: RolloutService,
) -> ReleaseResponse:
    """Makes a release live. Production needs an approval that is valid now. No request fails during the switch."""
    release = await rollouts.activate(
        caller.name, body.release, body.reason, check_environment(environment), break_glass=body.break_glass
    )
    return await _view(releases, release.id)


@router.post("/v1/environments/{environment}/rollback")
async def rollback(
    environment: NamedEnvironment, body: RollbackRequest, caller: Operator, releases: Service, rollouts: RolloutService
) -> ReleaseResponse:
    """Rolls back to a release that was live and approved, without a gate. A running canary is ended instead."""
    release = await rollouts.rollback(caller.name, body.reason, check_environment(environment), body.to)
    return await _view(releases, release.id)


@router.post("/v1/environments/production/canary", status_code=201)
async def start_canary(
    body: CanaryRequest, caller: Operator, releases: Service, rollouts: RolloutService
) -> ReleaseResponse:
    """Starts a canary: a share of the callers get an approved release, which is compared with the live one."""
    release = await rollouts.start_canary(caller.name, body.release, body.percent, body.reason)
    return await _view(releases, release.id)


@router.post("/v1/environments/production/canary/abort")
async def abort_canary(
    body: AbortCanaryRequest, caller: Operator, releases: Service, rollouts: RolloutService
) -> ReleaseResponse:
    """Ends the canary; everybody gets the live release again."""
    release = await rollouts.end_canary(caller.name, body.reason)
    return await _view(releases, release.id)
