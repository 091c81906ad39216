from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from app.core.languages.words import ANALYZER, index_text, length_scale, query_text
from app.releases.domain import ReleaseUnservable
from app.retrieval.domain.chunking import CHUNKER_VERSION, ChunkerParams
from app.retrieval.domain.problems import AnalyzerMismatch, EmbedderMismatch

IndexStatus = Literal["building", "ready", "live", "retired"]

MAINTAINED_STATUSES: tuple[IndexStatus, ...] = ("live", "ready", "building")
"""A publish updates the indexes of these statuses, so that a switch, or a switch back, is to a current index."""

PLAIN = "plain"
"""The analyzer of an index whose words are indexed as the database parses them."""

PARAM_LIMITS: Mapping[str, tuple[int, int | float]] = {
    "dense_weight": (0, 1.0),
    "budget": (1, 1_000_000),
    "exact_chunks": (0, 1_000_000),
    "exact_vectors": (0, 10_000_000),
}
"""Minimum and maximum of each parameter; a share where the maximum is a float, else a whole number."""


@dataclass(frozen=True, slots=True)
class SearchParams:
    """Search parameters. They are part of a release: the same values give the same ranking.

    dense_weight: share of the vector score in the fused score; .3 to .5 were within .006 nDCG of each other.
    budget: chunks scored per query, by its rarest terms; 800 kept 98 % of the same top ten at 10k chunks.
    exact_chunks: all readable chunks are scored if they are at most so many. exact_vectors: the same for vectors, where
    an approximate index exists; above, that index is used.
    """

    dense_weight: float = 0.5
    budget: int = 800
    exact_chunks: int = 3000
    exact_vectors: int = 20_000

    def manifest(self) -> dict[str, int | float]:
        return asdict(self)

    @classmethod
    def of(cls, manifest: Mapping[str, Any]) -> "SearchParams":
        """The parameters of a release. Errors: ReleaseUnservable for an unknown parameter or a value out of range."""
        unknown = sorted(manifest.keys() - cls.__slots__)
        if unknown:
            raise ReleaseUnservable(f"This code knows no search parameter {unknown[0]}.")
        for name, (lowest, highest) in PARAM_LIMITS.items():
            value = manifest.get(name, lowest)
            whole = isinstance(value, int) or (isinstance(highest, float) and isinstance(value, float))
            if isinstance(value, bool) or not whole or not lowest <= value <= highest:
                raise ReleaseUnservable(
                    f"retrieval.{name} is {value!r}; it must be a number from {lowest} to {highest}."
                )
        return cls(**manifest)


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What identifies an index: two indexes with the same fingerprint contain the same chunks of the same documents.

    mean_length: the mean number of terms of a chunk, for the length normalisation of BM25. Fixed per index, so that
    a score never changes because other documents were added. analyzer: how text is prepared for the word index, for
    passages and queries alike; an index of before there was one has `plain`.
    """

    embedder: str
    dimensions: int
    chunker: str = CHUNKER_VERSION
    chunker_params: Mapping[str, int] = field(default_factory=lambda: asdict(ChunkerParams()))
    text_search: str = "english"
    mean_length: float = 90.0
    analyzer: str = ANALYZER

    @property
    def params(self) -> ChunkerParams:
        return ChunkerParams(**self.chunker_params)

    def index_text(self, passage: str) -> str:
        """A passage as its words are indexed."""
        return passage if self.analyzer == PLAIN else index_text(passage)

    def length_scale(self, passage: str) -> float:
        """What `mean_length` is multiplied by for this passage."""
        return 1.0 if self.analyzer == PLAIN else length_scale(passage)

    def query_text(self, query: str) -> str:
        """A query as its words are looked up."""
        return query if self.analyzer == PLAIN else query_text(query)


@dataclass(frozen=True, slots=True)
class IndexRow:
    number: int
    id: UUID
    status: IndexStatus
    fingerprint: Fingerprint
    created_at: datetime
    ready_at: datetime | None = None

    @property
    def dense(self) -> bool:
        return self.fingerprint.dimensions > 0

    def check_embedder(self, configured: Mapping[str, Any]) -> None:
        """Errors: EmbedderMismatch when the process has not the embedder that this index was built with;
        AnalyzerMismatch when this code does not know how its words were prepared, as a newer version's.
        """
        if self.fingerprint.analyzer not in (PLAIN, ANALYZER):
            raise AnalyzerMismatch(
                f"Index {self.number} was built with the analyzer {self.fingerprint.analyzer}; "
                f"this code knows {PLAIN} and {ANALYZER}."
            )
        required = self.fingerprint.embedder
        if required not in configured:
            raise EmbedderMismatch(
                f"Index {self.number} was built with the embedder {required}, "
                f"but this process uses {' and '.join(configured) or 'none'}.",
                action=f"Set {_setting_of(required)} (APP_EMBEDDER_NEXT holds a second embedder), "
                "or build an index for the new one with 'app index build' and activate a release with it.",
            )


def _setting_of(embedder: str) -> str:
    name, _, pinned = embedder.rpartition("@")
    if name.startswith("openai:"):
        model = name.removeprefix("openai:")
        return f"APP_EMBEDDER=openai, APP_EMBEDDER_MODEL={model} and APP_EMBEDDER_DIMENSIONS={pinned}"
    if name == "minilm-int8":
        return "APP_EMBEDDER=minilm and no APP_EMBEDDER_FOLDER"
    if name == "e5-small-q4":
        return "APP_EMBEDDER=e5"
    return (
        f"APP_EMBEDDER=minilm and APP_EMBEDDER_FOLDER to the folder of {name}" if name else f"APP_EMBEDDER={embedder}"
    )
