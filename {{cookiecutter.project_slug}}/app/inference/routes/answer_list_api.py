from typing import Annotated

from fastapi import APIRouter, Query

from app.core.http import provided
from app.identity.domain import Principal
from app.identity.service.caller import require
from app.inference.domain.answer_pages import AnswerPosition
from app.inference.schemas.answer_lists import AnswerListRequest, AnswerPageResponse
from app.inference.service import AnswerListing

router = APIRouter(tags=["answers"])

Watcher = Annotated[Principal, require("answers:list")]
Listing = Annotated[AnswerListing, provided(AnswerListing)]


@router.get("/v1/answers")
async def list_answers(
    caller: Watcher, listing: Listing, query: Annotated[AnswerListRequest, Query()]
) -> AnswerPageResponse:
    """Answers, the newest first: those of the caller's tenant, with the role service those of all tenants. Their texts
    only for who may read their documents now; the role service sees none."""
    after = AnswerPosition.parse(query.after) if query.after else None
    return AnswerPageResponse.of(await listing.page(caller, query.filters, after, query.limit, query.tenant))
