"""Masks what must not leave the service in logs, traces, audit lines and error texts."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar, cast

from app.core.secret_patterns import may_name_secret, secrets_in

T = TypeVar("T")
MaskText = Callable[[str], str]

MASK = "•"
MASK_CHARACTERS = 8


@dataclass(frozen=True, slots=True)
class SensitiveSpan:
    """A part of a text, as offsets in characters. kind: what a policy decides on; rule: the kind, a dot, a name."""

    kind: str
    rule: str
    start: int
    end: int


class TextDetector(Protocol):
    """Finds one kind of sensitive text, in any order. Pure, and linear in the length of the text."""

    def find(self, text: str) -> Iterable[SensitiveSpan]: ...


@dataclass(frozen=True, slots=True)
class SecretDetector:
    """Finds credentials: keys and tokens of known forms, private keys, connection strings, assigned secrets.

    known: values that are secret whatever their form, such as those of this service's own settings.
    """

    known: frozenset[str] = frozenset()

    def find(self, text: str) -> Iterable[SensitiveSpan]:
        for name, start, end in secrets_in(text):
            yield SensitiveSpan("secret", f"secret.{name}", start, end)
        for value in self.known:
            at = text.find(value)
            while at >= 0:
                yield SensitiveSpan("secret", "secret.own", at, at + len(value))
                at = text.find(value, at + len(value))


def spans_in(text: str, detectors: Sequence[TextDetector]) -> list[SensitiveSpan]:
    """What the detectors find, in order and without overlaps; of two that overlap the first and longer is kept."""
    found = sorted((s for each in detectors for s in each.find(text)), key=lambda s: (s.start, -s.end))
    apart: list[SensitiveSpan] = []
    for span in found:
        if not apart or span.start >= apart[-1].end:
            apart.append(span)
    return apart


def mask_spans(text: str, spans: Iterable[SensitiveSpan], keep_length: bool = False) -> str:
    """The text with each span masked. keep_length: one sign for each character, so that offsets stay valid."""
    out, at = [], 0
    for span in spans:
        out += [text[at : span.start], MASK * (span.end - span.start if keep_length else MASK_CHARACTERS)]
        at = span.end
    return "".join((*out, text[at:]))


@dataclass
class _Installed:
    detectors: tuple[TextDetector, ...] = (SecretDetector(),)


_installed = _Installed()


def install_detectors(*detectors: TextDetector) -> None:
    """Sets what `redact` masks in this process; without a call it masks credentials."""
    _installed.detectors = detectors


def installed_detectors() -> tuple[TextDetector, ...]:
    return _installed.detectors


def redact(text: str) -> str:
    """The text without what the installed detectors find. Safe to repeat."""
    spans = spans_in(text, _installed.detectors)
    return mask_spans(text, spans) if spans else text


MAX_REMEMBERED, LONGEST_REMEMBERED = 500, 80


@dataclass
class Remembered:
    """Short texts that come again and again and of which the installed detectors mask nothing: at most so many."""

    _detectors: tuple[TextDetector, ...] = ()
    _results: dict[tuple[str, str], object] = field(default_factory=dict)

    def member(self, name: str, value: str, mask: MaskText) -> object:
        """As `redact_member`, with the same mask each time."""
        if len(value) > LONGEST_REMEMBERED:
            return redact_member(name, value, mask)
        if self._detectors is not installed_detectors() or len(self._results) >= MAX_REMEMBERED:
            self._detectors = installed_detectors()
            self._results.clear()
        result = self._results.get((name, value))
        if result is None:
            result = redact_member(name, value, mask)
            if result == value:  # what is masked is not kept
                self._results[name, value] = result
        return result


def redact_value(value: T, mask: MaskText = str) -> T:
    """The same for all texts within mappings and lists, each masked too; other values are returned as they are."""
    return cast(T, _redacted(value, mask))


def _redacted(value: object, mask: MaskText) -> object:
    if isinstance(value, str):
        return mask(redact(value))
    if isinstance(value, Mapping):
        return {_redacted(name, mask): redact_member(name, each, mask) for name, each in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_redacted(each, mask) for each in value]
    return value


def redact_member(name: object, value: object, mask: MaskText) -> object:
    """The value of a member as `redact_value` returns it. The name can tell that the value is a secret."""
    shown = _redacted(value, mask)
    if not isinstance(name, str) or not isinstance(value, str) or shown != value or not may_name_secret(name):
        return shown
    assigned = f"{name}={value}"
    whole = redact(assigned)
    return MASK * MASK_CHARACTERS if whole != assigned and whole.startswith(f"{name}=") else value
