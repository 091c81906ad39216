"""The bundled classifier, loaded with its libraries at its first use."""

from collections.abc import Sequence
from functools import cached_property

from app.safety.domain.windows import Window
from app.safety.ports import InjectionClassifier, Score


class DeferredClassifier:
    @cached_property
    def _loaded(self) -> InjectionClassifier:
        from app.adapters.screening.ngram_classifier import shipped_classifier

        return shipped_classifier()

    def scores(self, windows: Sequence[Window]) -> Sequence[Score]:
        return self._loaded.scores(windows)

    def strongest(self, words: Sequence[str]) -> Sequence[int]:
        return self._loaded.strongest(words)
