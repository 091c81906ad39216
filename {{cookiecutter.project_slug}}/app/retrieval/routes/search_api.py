from dataclasses import asdict
from typing import Annotated

import orjson
from fastapi import APIRouter
from fastapi.responses import Response

from app.core.http import provided
from app.identity.domain import Principal
from app.identity.service.caller import require
from app.retrieval.domain import Evidence
from app.retrieval.schemas import IndexListResponse, IndexResponse, SearchRequest, SearchResponse
from app.retrieval.service.live_search import LiveSearch
from app.retrieval.service.retrieval import Retrieval

router = APIRouter(tags=["search"])

Retrievals = Annotated[Retrieval, provided(Retrieval)]
Searches = Annotated[LiveSearch, provided(LiveSearch)]


@router.post("/v1/search", response_model=SearchResponse)
async def search(
    body: SearchRequest,
    caller: Annotated[Principal, require("search:read")],
    searches: Searches,
) -> Response:
    """The most relevant passages of the documents that the caller may read, as the live release searches."""
    evidence = await searches.search(caller, body.query, body.limit, body.corpus_version)
    return Response(orjson.dumps(_as_dict(evidence)), media_type="application/json")


def _as_dict(evidence: Evidence) -> dict[str, object]:
    return {
        "passages": [asdict(each) for each in evidence.passages],
        "index": evidence.index_number,
        "index_id": evidence.index_id,
        "corpus_version": evidence.corpus_version,
        "degraded": evidence.degraded,
        "timings_ms": {step: round(duration, 3) for step, duration in evidence.timings.items()},
    }


@router.get("/v1/indexes")
async def list_indexes(
    caller: Annotated[Principal, require("index:manage")], retrieval: Retrievals
) -> IndexListResponse:
    """Every index, with the numbers of documents and chunks of the caller's tenant."""
    indexes = [
        asdict(row) | asdict(row.fingerprint) | {"documents": documents, "chunks": chunks}
        for row, documents, chunks in await retrieval.list_indexes(caller.tenant_id)
    ]
    return IndexListResponse(items=[IndexResponse.model_validate(index) for index in indexes])
