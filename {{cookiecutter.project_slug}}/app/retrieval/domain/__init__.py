from app.retrieval.domain.chunking import CHUNKERS, Chunk, ChunkerParams, Heading, chunk
from app.retrieval.domain.documents import PreparedChunk, PreparedDocument, PublishRequest, chunk_id, indexed_text
from app.retrieval.domain.evidence import Evidence, Passage, SearchUsage
from app.retrieval.domain.indexes import Fingerprint, IndexRow, IndexStatus, SearchParams
from app.retrieval.domain.problems import (
    ChunkerMismatch,
    EmbedderMismatch,
    EmbeddingFailed,
    IndexBehind,
    IndexNotFound,
    IndexNotReady,
    NoLiveIndex,
    StaleDocument,
    TextSearchNotFound,
    TooManyChunks,
    VerificationFailed,
)
from app.retrieval.domain.vectors import Vector

__all__ = [
    "CHUNKERS",
    "Chunk",
    "ChunkerMismatch",
    "ChunkerParams",
    "EmbedderMismatch",
    "EmbeddingFailed",
    "Evidence",
    "Fingerprint",
    "Heading",
    "IndexBehind",
    "IndexNotFound",
    "IndexNotReady",
    "IndexRow",
    "IndexStatus",
    "NoLiveIndex",
    "Passage",
    "PreparedChunk",
    "PreparedDocument",
    "PublishRequest",
    "SearchParams",
    "SearchUsage",
    "StaleDocument",
    "TextSearchNotFound",
    "TooManyChunks",
    "Vector",
    "VerificationFailed",
    "chunk",
    "chunk_id",
    "indexed_text",
]
