from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from uuid import UUID, uuid5

from app.retrieval.domain.chunking import Chunk, Heading
from app.retrieval.domain.vectors import Vector


@dataclass(frozen=True, slots=True)
class PublishRequest:
    """A document to be published.

    document_version: grows with each change of the content; an older one never replaces a newer one.
    access_groups: who may read it; empty for everybody of the tenant. text: as parsed, the base of all offsets.
    flags: rules of findings that readers of its passages should know. max_chunks: limit on its chunks.
    """

    document_id: UUID
    tenant_id: UUID
    document_version: int
    title: str
    source: str
    uri: str
    text: str
    headings: Sequence[Heading] = ()
    access_groups: Sequence[str] = ()
    flags: Sequence[str] = ()
    max_chunks: int | None = None

    @property
    def groups(self) -> list[str]:
        return sorted(set(self.access_groups))


@dataclass(frozen=True, slots=True)
class PublishedText:
    """The text of a published document as passages and citations are cut out of it; offsets are characters of it."""

    document_id: UUID
    version: int
    title: str
    source: str
    uri: str
    headings: tuple[Heading, ...]
    flags: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class PreparedChunk:
    chunk: Chunk
    vector: Vector | None


@dataclass(frozen=True, slots=True)
class PreparedDocument:
    """A document chunked and embedded for each maintained index, by the index's number."""

    request: PublishRequest
    by_index: Mapping[int, Sequence[PreparedChunk]]
    embedded_tokens: Mapping[str, int]

    @property
    def chunks(self) -> int:
        return max((len(chunks) for chunks in self.by_index.values()), default=0)


def indexed_text(chunk: Chunk) -> str:
    """The text that is indexed: a chunk with the headings above it."""
    return f"{' > '.join(chunk.headings)}\n{chunk.text}" if chunk.headings else chunk.text


def text_digest(text: str) -> bytes:
    """Equal for texts that are embedded alike."""
    return sha256(text.replace("\0", " ").encode()).digest()


def chunk_id(document_id: UUID, document_version: int, index_number: int, ordinal: int) -> UUID:
    """A deterministic id: the same chunk has the same id however often it is published."""
    return uuid5(document_id, f"{index_number}/{document_version}/{ordinal}")
