from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, Field

from app.core.base_models import ExactModel
from app.core.json_types import Integer


class SearchRequest(ExactModel):
    query: Annotated[str, Field(min_length=1, max_length=4000, pattern=r"\S")]
    limit: Integer = Field(10, ge=1, le=50, description="Maximum number of passages.")
    corpus_version: Integer | None = Field(
        None, ge=0, le=2**31 - 1, description="Search the documents as they were then."
    )


class PassageResponse(BaseModel):
    chunk_id: UUID
    document_id: UUID
    title: str
    source: str
    uri: str
    version: int
    headings: list[str]
    text: str
    start: int
    end: int
    score: float
    bm25: float
    dense: float | None
    flags: list[str] = Field(description="Rules of the findings on the document at its upload.")


class SearchResponse(BaseModel):
    passages: list[PassageResponse]
    index: int
    index_id: UUID
    corpus_version: int
    degraded: str | None
    timings_ms: dict[str, float]


class HeadingResponse(BaseModel):
    level: int
    title: str
    start: int


class TextSpanResponse(BaseModel):
    start: int
    end: int


class DocumentTextResponse(BaseModel):
    """The text that passages and citations are cut out of; offsets are characters of it, counted as Unicode code
    points. Secrets in it are masked. Show it as plain text.
    """

    document_id: UUID
    version: int
    title: str
    source: str
    uri: str
    flags: list[str] = Field(description="Rules of the findings on the document at its upload.")
    headings: list[HeadingResponse]
    marked: TextSpanResponse | None = Field(description="The part between the 'start' and 'end' of the request.")
    text: str


class IndexResponse(BaseModel):
    number: int
    id: UUID
    status: str
    embedder: str
    dimensions: int
    chunker: str
    text_search: str
    analyzer: str
    documents: int
    chunks: int
    created_at: AwareDatetime
    ready_at: AwareDatetime | None


class IndexListResponse(BaseModel):
    items: list[IndexResponse]
