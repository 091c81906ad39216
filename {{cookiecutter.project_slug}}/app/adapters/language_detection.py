import threading
from dataclasses import dataclass, field
from typing import Any

MIN_WORDS = 20
SURE = 0.9
_SAMPLE = 4_000


@dataclass
class LangidDetector:
    """A `LanguageDetector`. Its 100 MB model is loaded at the first guess: most services never ask for one."""

    _identifier: Any = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def detect(self, text: str) -> str | None:
        sample = text[:_SAMPLE]
        if len(sample.split()) < MIN_WORDS:
            return None
        language, sureness = self._loaded().classify(sample)
        return str(language) if sureness >= SURE else None

    def _loaded(self) -> Any:
        with self._lock:
            if self._identifier is None:
                from py3langid.langid import MODEL_FILE, LanguageIdentifier

                self._identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
            return self._identifier
