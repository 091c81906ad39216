from typing import Annotated

from fastapi import APIRouter

from app.core.http import provided
from app.identity.domain import Principal
from app.identity.service import require
from app.releases.schemas import ReleaseView
from app.releases.service import Releases

router = APIRouter(tags=["releases"])

Operator = Annotated[Principal, require("releases:read")]
Service = Annotated[Releases, provided(Releases)]


@router.get("/v1/releases/current")
async def current_release(_: Operator, releases: Service) -> ReleaseView:
    """The release that new answers belong to, with the text of its prompts and policies."""
    release = await releases.resolve()
    return ReleaseView.of(*await releases.show(release.id))


@router.get("/v1/releases/{release_id}")
async def release(release_id: str, _: Operator, releases: Service) -> ReleaseView:
    """Any release ever made, by its id or the first eight digits or more of it."""
    return ReleaseView.of(*await releases.show(release_id))
