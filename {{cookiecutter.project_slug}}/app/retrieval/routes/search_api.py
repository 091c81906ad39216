from dataclasses import asdict
from typing import Annotated

import orjson
from fastapi import APIRouter
from fastapi.responses import Response

from app.core.clock import Deadline
from app.core.http import provided
from app.identity.domain import Principal
from app.identity.service.caller import require
from app.releases.service import Environments
from app.retrieval.domain import Evidence, Passage, SearchParams
from app.retrieval.ports import PassageSearch
from app.retrieval.schemas import IndexListResponse, IndexResponse, SearchRequest, SearchResponse
from app.retrieval.service.retrieval import Retrieval
from app.safety.domain.output_filter import OutputFilter

SEARCH_SECONDS = 10.0
OUTPUT = OutputFilter()

router = APIRouter(tags=["search"])

Retrievals = Annotated[Retrieval, provided(Retrieval)]
Searches = Annotated[PassageSearch, provided(PassageSearch)]
EnvironmentsService = Annotated[Environments, provided(Environments)]


@router.post("/v1/search", response_model=SearchResponse)
async def search(
    body: SearchRequest,
    caller: Annotated[Principal, require("search:read")],
    searches: Searches,
    retrieval: Retrievals,
    environments: EnvironmentsService,
) -> Response:
    """The most relevant passages of the documents that the caller may read, as the live release searches."""
    manifest = (await environments.resolve()).manifest
    evidence = await searches.search(
        caller,
        body.query,
        limit=body.limit,
        deadline=Deadline.after(SEARCH_SECONDS, retrieval.clock),
        corpus_version=body.corpus_version,
        index=await retrieval.indexes.for_release(manifest.index),
        params=SearchParams.of(manifest.retrieval),
        charge=True,
    )
    return Response(orjson.dumps(_as_dict(evidence)), media_type="application/json")


def _passage(passage: Passage) -> dict[str, object]:
    """With secrets masked character by character, so that the offsets stay valid."""

    def masked(text: str) -> str:
        return OUTPUT.masked(text, keep_length=True)

    headings = [masked(each) for each in passage.headings]
    return asdict(passage) | {"text": masked(passage.text), "title": masked(passage.title), "headings": headings}


def _as_dict(evidence: Evidence) -> dict[str, object]:
    return {
        "passages": [_passage(each) for each in evidence.passages],
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
