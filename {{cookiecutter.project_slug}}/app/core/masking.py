"""Masks what leaves in log lines. The mask itself comes from a room above: core knows no personal data."""

from collections.abc import Callable, Mapping, MutableMapping
from typing import Any

MaskText = Callable[[str], str]

# Written by the service itself, and in every line.
_OWN = frozenset({"timestamp", "level", "trace_id", "request_id"})
_MAX_DEPTH = 4


class LogMask:
    """A structlog processor that masks all texts of a log line, in lists and objects too."""

    def __init__(self, mask: MaskText) -> None:
        self._mask = mask

    def __call__(self, _: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        for name, value in event.items():
            if name not in _OWN:
                event[name] = self._masked(value, _MAX_DEPTH)
        return event

    def _masked(self, value: Any, depth: int) -> Any:
        if isinstance(value, str):
            return self._mask(value)
        if depth and isinstance(value, Mapping):
            return {name: self._masked(each, depth - 1) for name, each in value.items()}
        if depth and isinstance(value, list | tuple | set | frozenset):
            return [self._masked(each, depth - 1) for each in value]
        return self._mask(str(value)) if isinstance(value, BaseException) else value
