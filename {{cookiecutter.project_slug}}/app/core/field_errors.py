"""The fields of a request that are wrong, by their places in the body that was sent."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fastapi.exceptions import RequestValidationError


@dataclass(frozen=True)
class _Wrong:
    """field: its place. alternatives: the place whose type has alternatives, of which this error is about one."""

    field: str
    message: str
    kind: str
    alternatives: str | None = None

    @property
    def is_of_another_type(self) -> bool:
        """Whether the value does not have the type of this alternative, so that it was not meant."""
        return self.kind.endswith("_type") and self.field == self.alternatives


def field_errors(error: RequestValidationError) -> list[dict[str, str]]:
    """field, message and kind of each error; of a type with alternatives, those of the one that was meant."""
    found = [_wrong(each, error.body) for each in error.errors()]
    meant = {each.alternatives for each in found if not each.is_of_another_type}
    kept = [each for each in found if not each.is_of_another_type or each.alternatives not in meant]
    return [{"field": each.field, "message": each.message, "kind": each.kind} for each in kept]


def _wrong(item: dict[str, Any], body: Any) -> _Wrong:
    place: Sequence[Any] = item["loc"]
    message, kind = str(item["msg"]), str(item["type"])
    if not place or place[0] != "body" or not isinstance(body, dict | list):
        return _Wrong(".".join(map(str, place)), message, kind)
    kept, alternatives = ["body"], None
    value: Any = body
    for number, part in enumerate(place[1:], 2):
        if isinstance(value, dict) and (part in value or (kind == "missing" and number == len(place))):
            value = value.get(part)
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
        else:
            # Not in the body: the name of an alternative.
            alternatives = alternatives or ".".join(kept)
            continue
        kept.append(str(part))
    return _Wrong(".".join(kept), message, kind, alternatives)
