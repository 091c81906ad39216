"""Personal data in a text replaced by its kind, for good."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.safety.domain.personal_data.findings import PersonalData

if TYPE_CHECKING:
    from app.safety.domain.personal_data.detection import PersonalDataDetector


@dataclass(frozen=True)
class Mask:
    """Replaces personal data by `[kind]`. Masking a masked text changes nothing."""

    detector: "PersonalDataDetector"

    def __call__(self, text: str) -> str:
        return replaced(text, self.detector.find(text))

    def keeping_length(self, text: str) -> str:
        """The same, filled or cut to the length of what is replaced, so that offsets into the text stay valid."""
        out, at = [], 0
        for each in self.detector.find(text):
            length = each.end - each.start
            inside = each.kind[: max(0, length - 2)].ljust(length - 2, "*")
            out += [text[at : each.start], f"[{inside}]" if length > 2 else "*" * length]
            at = each.end
        return "".join((*out, text[at:]))


def replaced(text: str, findings: Sequence[PersonalData]) -> str:
    """findings: of this text, in its order."""
    out, at = [], 0
    for each in findings:
        out += [text[at : each.start], f"[{each.kind}]"]
        at = each.end
    return "".join((*out, text[at:]))
