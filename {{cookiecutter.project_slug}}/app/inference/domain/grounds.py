from collections.abc import Callable

# Set where 97 % of answerable questions of a public set are kept; then 75 to 85 % of the questions put to
# documents about something else are turned away by words alone, and 85 to 95 % with vectors
# (benchmarks/extractive_quality.py).
ENOUGH_WORDS = 0.235
ENOUGH_COVERAGE = 0.6
ENOUGH_BOTH = 0.95


def enough(words: float, dense: float | None, coverage: Callable[[], float]) -> bool:
    """Whether evidence may carry an answer.

    words: the share of the best BM25 score that the question could reach in these documents. dense: the cosine of the
    nearest passage, None without vectors. coverage: the share of the question's words in one passage; asked for last.
    """
    near = words >= ENOUGH_WORDS if dense is None else 2 * words + dense >= ENOUGH_BOTH
    # In a few documents about one thing every word is common, and no BM25 score is high.
    return near or coverage() >= ENOUGH_COVERAGE
