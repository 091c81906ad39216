import threading
from dataclasses import dataclass, field
from typing import Any

MIN_WORDS = 20
MIN_CONFIDENCE = 0.9
_SAMPLE = 4_000


@dataclass
class LangidDetector:
    """A `LanguageDetector`. Its 100 MB model is loaded on first use: most services never use it."""

    _identifier: Any = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def detect(self, text: str) -> str | None:
        sample = text[:_SAMPLE]
        if len(sample.split()) < MIN_WORDS:
            return None
        language, confidence = self._loaded().classify(sample)
        return str(language) if confidence >= MIN_CONFIDENCE else None

    def _loaded(self) -> Any:
        with self._lock:
            if self._identifier is None:
                from py3langid.langid import MODEL_FILE, LanguageIdentifier

                self._identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
            return self._identifier
