from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.core.json_types import Integer
from app.core.text import LARGEST
from app.inference.schemas import WarningResponse


class EmbeddingRequest(BaseModel):
    """input: a text or a list of texts. input_type: what they are, where the embedder tells queries from documents."""

    model_config = ConfigDict(extra="allow")

    model: Annotated[str, Field(min_length=1, max_length=200)]
    input: Annotated[str, Field(min_length=1)] | Annotated[list[Any], Field(min_length=1, max_length=256)]
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: Integer | None = Field(None, ge=1, le=LARGEST, description="Only that of the index's embedder.")
    input_type: Literal["query", "document"] = "document"
    user: str | None = None


class EmbeddingResponse(BaseModel):
    object: Literal["embedding"]
    index: int
    embedding: list[float] | str


class EmbeddingUsageResponse(BaseModel):
    prompt_tokens: int
    total_tokens: int


class EmbeddingListResponse(BaseModel):
    object: Literal["list"]
    data: list[EmbeddingResponse]
    model: str
    usage: EmbeddingUsageResponse
    warnings: list[WarningResponse] = []
