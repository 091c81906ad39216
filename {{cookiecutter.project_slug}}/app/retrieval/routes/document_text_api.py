from dataclasses import asdict
from typing import Annotated
from uuid import UUID

import orjson
from fastapi import APIRouter, Query
from fastapi.responses import Response

from app.core.http import provided
from app.identity.domain import Principal
from app.identity.service.caller import require
from app.retrieval.domain import TextSpanInvalid
from app.retrieval.schemas import DocumentTextResponse
from app.retrieval.service.live_search import LiveSearch

LARGEST_VERSION = 2**31 - 1

router = APIRouter(tags=["documents"])

Place = Annotated[int | None, Query(ge=0, le=LARGEST_VERSION)]


@router.get("/v1/documents/{document_id}/text", response_model=DocumentTextResponse)
async def get_document_text(
    document_id: UUID,
    caller: Annotated[Principal, require("documents:read")],
    searches: Annotated[LiveSearch, provided(LiveSearch)],
    version: Annotated[int | None, Query(ge=1, le=LARGEST_VERSION, description="Of the citation.")] = None,
    start: Place = None,
    end: Place = None,
) -> Response:
    """The published text of a document, with the place of a citation marked, for those who may find it by a search."""
    found = await searches.document(caller, document_id, version)
    marked = _span(found.text, start, end)
    headers = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
    return Response(orjson.dumps(asdict(found) | {"marked": marked}), 200, headers, "application/json")


def _span(text: str, start: int | None, end: int | None) -> dict[str, int] | None:
    """Errors: TextSpanInvalid."""
    if start is None and end is None:
        return None
    if start is None or end is None or not start < end <= len(text):
        raise TextSpanInvalid(f"'start' and 'end' name a part of the {len(text):,} characters of the text.")
    return {"start": start, "end": end}
