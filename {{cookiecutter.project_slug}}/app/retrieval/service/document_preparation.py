"""Chunks and embeds documents for the maintained indexes."""

import asyncio
from collections.abc import Sequence

import structlog

from app.retrieval.domain import (
    CHUNKERS,
    Chunk,
    ChunkerMismatch,
    EmbedderMismatch,
    EmbeddingFailed,
    IndexRow,
    PreparedChunk,
    PreparedDocument,
    PublishRequest,
    TooManyChunks,
    Vector,
    chunk,
    indexed_text,
)
from app.retrieval.ports import EmbeddingResult
from app.retrieval.service.passage_embedding import PassageEmbeddings

# Chunking a short text takes less time than switching to another thread.
_MAX_CHARACTERS_IN_LOOP = 10_000

log = structlog.get_logger(__name__)


async def prepare(
    indexes: Sequence[IndexRow], request: PublishRequest, passages: PassageEmbeddings
) -> PreparedDocument:
    """Chunk and embed a document for each index; indexes with the same embedder and chunker share their chunks.

    Errors: as `prepare_for`, for the live index.
    """
    by_index: dict[int, Sequence[PreparedChunk]] = {}
    tokens: dict[str, int] = {}
    prepared: dict[object, Sequence[PreparedChunk]] = {}
    for index in indexes:
        settings = (index.fingerprint.embedder, index.fingerprint.chunker, index.fingerprint.params)
        if settings not in prepared:
            try:
                chunks, uncharged = await prepare_for(index, request, passages)
            except EmbedderMismatch as problem:
                if index.status == "live":
                    raise
                log.warning("retrieval.index_skipped", index=index.number, why=problem.code)
                continue
            prepared[settings] = chunks
            if uncharged is not None:
                model = passages.embedders[index.fingerprint.embedder].model
                tokens[model] = tokens.get(model, 0) + uncharged
        by_index[index.number] = prepared[settings]
    return PreparedDocument(request, by_index, tokens)


async def prepare_for(
    index: IndexRow, request: PublishRequest, passages: PassageEmbeddings
) -> tuple[list[PreparedChunk], int | None]:
    """The document chunked and embedded for `index`, and the tokens that are still to be charged, if any.

    Errors: EmbedderMismatch, ChunkerMismatch, TooManyChunks, EmbeddingFailed, BudgetUsedUp.
    """
    index.check_embedder(passages.embedders)
    if index.fingerprint.chunker not in CHUNKERS:
        raise ChunkerMismatch(
            f"Index {index.number} was chunked by {index.fingerprint.chunker}; "
            f"this code chunks with {' or '.join(CHUNKERS)}."
        )
    chunks = await _chunk(request, index)
    if request.max_chunks is not None and len(chunks) > request.max_chunks:
        raise TooManyChunks(f"The text has {len(chunks):,} chunks; {request.max_chunks:,} is the limit.")
    if not index.dense:
        return [PreparedChunk(each, None) for each in chunks], None
    vectors, uncharged = await _vectors(index, request, chunks, passages)
    return [PreparedChunk(*pair) for pair in zip(chunks, vectors, strict=True)], uncharged


async def _vectors(
    index: IndexRow, request: PublishRequest, chunks: Sequence[Chunk], passages: PassageEmbeddings
) -> tuple[list[Vector], int | None]:
    """Of each chunk, and the tokens still to be charged. A text that the index holds is not embedded again."""
    texts = [indexed_text(each) for each in chunks]
    vectors = await passages.stored(request.tenant_id, index, texts)
    new = [text for text in dict.fromkeys(texts) if text not in vectors]
    uncharged = None
    if new:
        embedded, charged = await passages.embed(
            index.fingerprint.embedder, new, request.tenant_id, request.document_id
        )
        _check(index, new, embedded)
        vectors |= zip(new, embedded.vectors, strict=True)
        uncharged = None if charged else embedded.tokens
    return [vectors[text] for text in texts], uncharged


async def _chunk(request: PublishRequest, index: IndexRow) -> list[Chunk]:
    if len(request.text) < _MAX_CHARACTERS_IN_LOOP:
        return chunk(request.text, request.headings, index.fingerprint.params, index.fingerprint.chunker)
    pinned = index.fingerprint
    return await asyncio.to_thread(chunk, request.text, request.headings, pinned.params, pinned.chunker)


def _check(index: IndexRow, texts: Sequence[str], embedded: EmbeddingResult) -> None:
    """Errors: EmbeddingFailed when the vectors do not fit the index."""
    if len(embedded.vectors) != len(texts):
        raise EmbeddingFailed(f"{len(embedded.vectors)} vectors for {len(texts)} chunks.", reason="wrong_count")
    dimensions = index.fingerprint.dimensions
    for vector in embedded.vectors:
        if vector.dimensions != dimensions:
            raise EmbeddingFailed(
                f"A vector of {vector.dimensions} dimensions for an index of {dimensions}.", reason="wrong_dimensions"
            )
