from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from app.releases.domain import ReleaseUnservable


@dataclass(frozen=True, slots=True)
class Answerability:
    """When evidence may carry an answer. Part of a release, as `refusal.words` and so on; 0 turns a rule off.

    Set where 97 % of answerable questions of a public set are kept; then 75 to 85 % of the questions put to documents
    about something else are turned away by words alone, and 85 to 95 % with vectors (benchmarks/extractive_quality.py).
    """

    words: float = 0.235
    coverage: float = 0.6
    both: float = 0.95

    def enough(self, words: float, dense: float | None, coverage: Callable[[], float]) -> bool:
        """words: the share of the best BM25 score that the question could reach in these documents. dense: the cosine
        of the nearest passage, None without vectors. coverage: the share of the question's words in one passage; asked
        for last.
        """
        near = words >= self.words if dense is None else 2 * words + dense >= self.both
        # In a few documents about one thing every word is common, and no BM25 score is high.
        return near or coverage() >= self.coverage

    def manifest(self) -> dict[str, float]:
        return {f"{PREFIX}{name}": getattr(self, name) for name in self.__slots__}

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> "Answerability":
        """As a manifest has them. Errors: ReleaseUnservable for what is not a number."""
        given = {name: settings[f"{PREFIX}{name}"] for name in cls.__slots__ if f"{PREFIX}{name}" in settings}
        for name, value in given.items():
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise ReleaseUnservable(f"{PREFIX}{name} is {value!r}; it must be a number.")
        return cls(**given)


PREFIX = "refusal."
