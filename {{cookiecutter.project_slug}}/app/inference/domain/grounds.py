from dataclasses import dataclass

# Set where 97.5 % of answerable questions of a public set are kept; then 70 to 90 % of the questions put to
# documents about something else are turned away by words alone, and 85 to 95 % with vectors
# (benchmarks/extractive_quality.py).
ENOUGH_WORDS = 0.235
ENOUGH_COVERAGE = 0.43
ENOUGH_BOTH = 0.95


@dataclass(frozen=True, slots=True)
class Grounds:
    """How far evidence carries an answer: `words` is the share of the best BM25 score that the question could
    reach in this corpus, `dense` the cosine of the nearest passage (None without vectors), `coverage` the
    share of the question's words in one passage, for evidence that knows neither."""

    words: float
    dense: float | None
    coverage: float | None = None

    @property
    def enough(self) -> bool:
        if self.dense is not None:
            return 2 * self.words + self.dense >= ENOUGH_BOTH
        if self.coverage is not None:
            return self.coverage >= ENOUGH_COVERAGE
        return self.words >= ENOUGH_WORDS
