from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from app.releases.domain import ReleaseUnservable


@dataclass(frozen=True, slots=True)
class Answerability:
    """Thresholds below which a question is refused as off topic. Part of a release, as `refusal.words` and so on; 0
    turns a rule off.

    The defaults keep 97 % of the answerable questions of a public set, and refuse 75 to 85 % of questions about other
    documents by words alone, 85 to 95 % with vectors (benchmarks/extractive_quality.py).
    """

    words: float = 0.235
    coverage: float = 0.6
    both: float = 0.95

    def enough(self, words: float, dense: float | None, coverage: Callable[[], float]) -> bool:
        """Whether the evidence can support an answer. words: the best BM25 score, as a share of the highest possible
        for this question. dense: the cosine of the nearest passage, None without vectors. coverage: the share of the
        question's words in one passage; computed only when needed.
        """
        near = words >= self.words if dense is None else 2 * words + dense >= self.both
        # In a small corpus about one topic every word is common, and no BM25 score is high.
        return near or coverage() >= self.coverage

    def manifest(self) -> dict[str, float]:
        return {f"{PREFIX}{name}": getattr(self, name) for name in self.__slots__}

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> "Answerability":
        """Reads the thresholds of a manifest. Errors: ReleaseUnservable for a value that is not a number."""
        values = {name: settings[f"{PREFIX}{name}"] for name in cls.__slots__ if f"{PREFIX}{name}" in settings}
        for name, value in values.items():
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise ReleaseUnservable(f"{PREFIX}{name} is {value!r}; it must be a number.")
        return cls(**values)


PREFIX = "refusal."
