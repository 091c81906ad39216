"""Text normalisation: invisible characters are removed and reported."""

import re
import unicodedata
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """An observation about a text. It names a rule and never quotes the text: start and end are the place of the first
    one, in characters, where it has one.
    """

    rule: str
    detail: str
    count: int = 1
    start: int | None = None
    end: int | None = None

    def as_dict(self) -> dict[str, str | int | None]:
        place = {"start": self.start, "end": self.end}
        return {"rule": self.rule, "detail": self.detail, "count": self.count, **place}


@dataclass(frozen=True, slots=True)
class Normalised:
    """A normalised text. text: as stored, and the base of all offsets. hidden: text spelled in invisible characters."""

    text: str
    findings: tuple[Finding, ...] = ()
    hidden: str = ""


_LINE_ENDS = re.compile(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_TAGS = re.compile(r"(\U0001F3F4?)([\U000E0000-\U000E007F]+)")
_BIDI = re.compile(r"[\u202a-\u202e\u2066-\u2069]")
# Joiners are needed in Arabic and Indic scripts and emoji; between Latin letters they are only used to hide text.
_ZERO_WIDTH = re.compile(r"[\u200b\u2060-\u2064\ufeff\u180e]|(?<=[\x00-\u058f])[\u200c\u200d]")
_SELECTORS = re.compile(r"[\U000E0100-\U000E01EF]+")
_SILENT = re.compile(r"[\u00ad\u200e\u200f]")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_UNUSUAL = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u180e\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]"
    r"|[\ud800-\udfff\U000E0000-\U000E01EF]"
)
_HIDING = (
    ("bidi_controls", _BIDI, "characters that reverse the reading order were removed"),
    ("zero_width", _ZERO_WIDTH, "characters without width were removed"),
    ("variation_selectors", _SELECTORS, "runs of variation selectors, which can carry hidden bytes, were removed"),
    ("control_characters", _CONTROL, "control characters were removed"),
)


def normalise(text: str) -> Normalised:
    """Convert to NFC with line feeds and only visible characters. All later offsets refer to the resulting text."""
    if text.isascii() and text.isprintable():
        return Normalised(text)
    text = text.removeprefix("\ufeff")
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not text.isascii() and not unicodedata.is_normalized("NFC", text):
        text = unicodedata.normalize("NFC", text)
    if not _UNUSUAL.search(text):
        return Normalised(text)
    text = _SURROGATE.sub("\ufffd", _SILENT.sub("", _LINE_ENDS.sub("\n", text)))
    text, hidden = _without_tags(text)
    findings = []
    if hidden:
        sentence = "invisible tag characters, which can spell out hidden text, were removed"
        findings.append(Finding("tag_characters", sentence, len(hidden)))
    for rule, pattern, sentence in _HIDING:
        text, count = pattern.subn("", text)
        if count:
            findings.append(Finding(rule, sentence, count))
    return Normalised(unicodedata.normalize("NFC", text), tuple(findings), hidden)


def _without_tags(text: str) -> tuple[str, str]:
    hidden: list[str] = []

    def spell(match: re.Match[str]) -> str:
        flag, tags = match.groups()
        if not flag or len(tags) > 7:
            hidden.append("".join(chr(ord(tag) - 0xE0000) for tag in tags))
        return flag

    return _TAGS.sub(spell, text), "\n".join(hidden)
