"""The OpenAI embeddings API, by the embedder of the live release's index."""

import base64
import struct
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Request
from fastapi.responses import Response

from app.core.clock import Deadline
from app.core.errors import Invalid
from app.core.http import provided
from app.identity.domain import Principal
from app.identity.service.caller import require
from app.inference.domain.answer import ModelNotFound
from app.inference.routes.dependencies import Service
from app.inference.routes.environment import environment_of
from app.inference.routes.ignored_fields import WHOLE_CHAIN, unknown_fields
from app.inference.schemas.embeddings import EmbeddingListResponse, EmbeddingRequest
from app.retrieval.domain import Vector
from app.retrieval.service.retrieval import Retrieval
from app.retrieval.service.text_embedding import TextEmbeddings

SECONDS = 30.0
MAX_CHARACTERS, MAX_TOTAL_CHARACTERS = 8_000, 400_000

router = APIRouter(tags=["openai"])

Retrievals = Annotated[Retrieval, provided(Retrieval)]
Searcher = Annotated[Principal, require("search:read")]


class InputInvalid(Invalid):
    code, title, param = "input_invalid", "These texts cannot be embedded", "input"


class DimensionsFixed(Invalid):
    code, title, param = "dimensions_fixed", "The vectors of this index have another length", "dimensions"


@router.post("/v1/embeddings", response_model=EmbeddingListResponse)
async def embed(
    body: EmbeddingRequest, request: Request, caller: Searcher, answers: Service, retrieval: Retrievals
) -> Response:
    """Vectors of texts in the OpenAI format, comparable with those of the documents. Charged to the caller's tenant.

    `model` is `default` or the name of the index's embedder. An embedder may read only the beginning of a long text.
    """
    texts = _texts(body.input)
    assigned = await answers.assign(caller, environment_of(request))
    embeddings = TextEmbeddings(retrieval, assigned.loaded.index)
    embedder = embeddings.embedder
    if body.model not in (WHOLE_CHAIN, embedder.model, embedder.name):
        raise ModelNotFound(f"The index's embedder is '{embedder.model}'.", action="Name it, or `default`.")
    if body.dimensions not in (None, embedder.dimensions):
        raise DimensionsFixed(f"They have {embedder.dimensions} dimensions.", action="Leave `dimensions` out.")
    result = await embeddings.embed(caller, texts, body.input_type, Deadline.after(SECONDS, retrieval.clock))
    usage = {"prompt_tokens": result.tokens, "total_tokens": result.tokens}
    vectors = [_entry(place, vector, body.encoding_format) for place, vector in enumerate(result.vectors)]
    warnings = [each.as_dict() for each in unknown_fields(body.model_extra)]
    reply = {"object": "list", "data": vectors, "model": embedder.model, "usage": usage, "warnings": warnings}
    return Response(orjson.dumps(reply), media_type="application/json")


def _texts(given: str | list[Any]) -> list[str]:
    """Errors: InputInvalid."""
    texts = [given] if isinstance(given, str) else given
    for place, text in enumerate(texts):
        if not isinstance(text, str):
            raise InputInvalid(
                "Lists of tokens are not accepted: they belong to another model's tokenizer.",
                action="Send texts; langchain-openai does with check_embedding_ctx_length=False.",
            )
        if not text.strip():
            raise InputInvalid(f"Text {place} is empty.")
        if len(text) > MAX_CHARACTERS:
            raise InputInvalid(f"Text {place} is longer than {MAX_CHARACTERS:,} characters.", action="Split it.")
    if sum(map(len, texts)) > MAX_TOTAL_CHARACTERS:
        raise InputInvalid(f"The texts together are longer than {MAX_TOTAL_CHARACTERS:,} characters.")
    return texts


def _entry(place: int, vector: Vector, encoding: str) -> dict[str, Any]:
    values: Any = vector.floats()
    if encoding == "base64":
        values = base64.b64encode(struct.pack(f"<{vector.dimensions}f", *values)).decode()
    return {"object": "embedding", "index": place, "embedding": values}
