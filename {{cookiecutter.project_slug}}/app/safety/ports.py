from collections.abc import Sequence
from typing import NamedTuple, Protocol

from app.safety.domain.windows import Window


class Score(NamedTuple):
    """probability: that the text addresses a model, by the classifier's own measure. suspicious: it is above the
    classifier's threshold.
    """

    probability: float
    suspicious: bool


class InjectionClassifier(Protocol):
    """Judges whether texts are instructions to a model. Runs in this process, in milliseconds, without network."""

    def scores(self, windows: Sequence[Window]) -> Sequence[Score]:
        """One score for each window, in their order."""
        ...

    def strongest(self, words: Sequence[str]) -> Sequence[int]:
        """The positions of the few words that count most for the score of the text they make."""
        ...
