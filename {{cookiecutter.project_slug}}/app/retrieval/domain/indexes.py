from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from app.releases.domain import ReleaseUnservable
from app.retrieval.domain.chunking import CHUNKER_VERSION, ChunkerParams
from app.retrieval.domain.problems import EmbedderMismatch

IndexStatus = Literal["building", "ready", "live", "retired"]

MAINTAINED_STATUSES: tuple[IndexStatus, ...] = ("live", "ready", "building")
"""A publish goes to all of these, so that a switch, or a switch back, is to a current index."""


PARAM_LIMITS: Mapping[str, tuple[int, int | float]] = {
    "dense_weight": (0, 1.0),
    "budget": (1, 1_000_000),
    "exact_chunks": (0, 1_000_000),
    "exact_vectors": (0, 10_000_000),
}
"""The least and the most of each parameter; a share where the most is a fraction, else a whole number."""


@dataclass(frozen=True, slots=True)
class SearchParams:
    """How results are chosen. Part of a release: the same values give the same order.

    dense_weight: share of the vector score in the mixture; .3 to .5 were within .006 nDCG of each other.
    budget: chunks looked at per question through its rarest terms; 800 kept 98 % of the same top ten at 10k chunks.
    exact_chunks: up to so many readable chunks each of them is scored. exact_vectors: the same for vectors, where an
    approximate index exists; above, that index is used.
    """

    dense_weight: float = 0.5
    budget: int = 800
    exact_chunks: int = 3000
    exact_vectors: int = 20_000

    def manifest(self) -> dict[str, int | float]:
        return asdict(self)

    @classmethod
    def of(cls, manifest: Mapping[str, Any]) -> "SearchParams":
        """As a release has them. Errors: ReleaseUnservable for a parameter that this code does not know, or a value
        that no search can be made with.
        """
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
    """What pins an index: two indexes with the same fingerprint hold the same chunks of the same documents.

    mean_length: terms in a chunk of middling length, against which BM25 calls a chunk long. Fixed per index, so that
    a score never changes because other documents came.
    """

    embedder: str
    dimensions: int
    chunker: str = CHUNKER_VERSION
    chunker_params: Mapping[str, int] = field(default_factory=lambda: asdict(ChunkerParams()))
    text_search: str = "english"
    mean_length: float = 90.0

    @property
    def params(self) -> ChunkerParams:
        return ChunkerParams(**self.chunker_params)


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
        """Errors: EmbedderMismatch when none of the process's embedders is the one this index was made with."""
        wanted = self.fingerprint.embedder
        if wanted not in configured:
            raise EmbedderMismatch(
                f"Index {self.number} was made with the embedder {wanted}, "
                f"and this process is set to {' and '.join(configured) or 'none'}.",
                action=f"Set {_setting_of(wanted)} (APP_EMBEDDER_NEXT holds a second embedder), "
                "or make an index for the new one with 'app index build' and let a release with it go live.",
            )


def _setting_of(embedder: str) -> str:
    name, _, pinned = embedder.rpartition("@")
    if name.startswith("openai:"):
        model = name.removeprefix("openai:")
        return f"APP_EMBEDDER=openai, APP_EMBEDDER_MODEL={model} and APP_EMBEDDER_DIMENSIONS={pinned}"
    if name == "minilm-int8":
        return "APP_EMBEDDER=minilm and no APP_EMBEDDER_FOLDER"
    return (
        f"APP_EMBEDDER=minilm and APP_EMBEDDER_FOLDER to the folder of {name}" if name else f"APP_EMBEDDER={embedder}"
    )
