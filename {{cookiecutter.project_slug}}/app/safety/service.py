"""Screening by rules and, on top of them, by a classifier."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from app.safety.domain.screening import screen_document, screen_fields, screen_question
from app.safety.domain.text import Finding, Normalised
from app.safety.domain.windows import Window, windows_of
from app.safety.ports import InjectionClassifier

SUSPECTED = "suspected_instructions.classifier"
HIDDEN_SUSPECTED = "suspected_instructions.hidden"
_WORDS = re.compile(r"\w+")
_MIN_WORDS = 4


@dataclass(frozen=True)
class Screening:
    """classifier: None to screen by rules alone."""

    classifier: InjectionClassifier | None = None

    def document(self, text: str, hidden: str = "") -> tuple[Finding, ...]:
        """Findings of a document: in its text, and in its hidden text."""
        return (*screen_document(text, hidden), *self._suspected(text), *self._suspected_hidden(hidden))

    def question(self, question: Normalised) -> tuple[Finding, ...]:
        suspected = (*self._suspected(question.text), *self._suspected_hidden(question.hidden))
        return (*screen_question(question), *suspected)

    def fields(self, fields: Mapping[str, str]) -> tuple[Finding, ...]:
        """Findings of metadata fields and of results of tools, by rules."""
        return screen_fields(fields)

    def _suspected(self, text: str) -> Iterator[Finding]:
        """One finding: of the text as a whole, or of the sentence with the highest score."""
        suspicious = self._suspicious(text)
        if not suspicious or self.classifier is None:
            return
        probability, window = max(suspicious, key=lambda each: each[0])
        words = list(_WORDS.finditer(window.text))
        strongest = [words[place] for place in self.classifier.strongest([word[0] for word in words])]
        places = ", ".join(f"{window.start + word.start()} to {window.start + word.end()}" for word in strongest)
        where = "as a whole" if window.whole else "in a sentence"
        detail = f"resembles instructions to a model {where}, with a score of {probability:.2f}"
        detail += f", most by its characters {places}" if places else ""
        yield Finding(SUSPECTED, detail, len(suspicious), window.start, window.end)

    def _suspected_hidden(self, hidden: str) -> Iterator[Finding]:
        """Hidden text has no place in the text; a few words of it are too little to judge."""
        suspicious = [each for each in self._suspicious(hidden) if len(_WORDS.findall(each[1].text)) >= _MIN_WORDS]
        if suspicious:
            probability = max(each[0] for each in suspicious)
            detail = f"hidden text resembles instructions to a model, with a score of {probability:.2f}"
            yield Finding(HIDDEN_SUSPECTED, detail, len(suspicious))

    def _suspicious(self, text: str) -> list[tuple[float, Window]]:
        if self.classifier is None or not text:
            return []
        windows = windows_of(text)
        scores = self.classifier.scores(windows)
        return [(s.probability, window) for s, window in zip(scores, windows, strict=True) if s.suspicious]
