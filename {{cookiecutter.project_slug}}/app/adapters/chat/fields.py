"""The fields of a request: which of them a model takes, and by which names."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

Json = dict[str, Any]

REQUIRED: Final = frozenset({"model", "messages"})
FIELDS: Final = (
    "frequency_penalty",
    "logit_bias",
    "logprobs",
    "max_tokens",
    "metadata",
    "n",
    "parallel_tool_calls",
    "presence_penalty",
    "reasoning_effort",
    "response_format",
    "seed",
    "stop",
    "store",
    "stream",
    "stream_options",
    "temperature",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "user",
    "verbosity",
)
"""The fields of the format that a request may do without."""
LIMITS: Final = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}
"""The two names of the token limit: where a provider refuses one, the other is sent, because no call is unlimited."""
_NEEDS: Final = {
    "parallel_tool_calls": "tools",
    "stream_options": "stream",
    "tool_choice": "tools",
    "top_logprobs": "logprobs",
}
"""Fields that are an error without another one."""


@dataclass(frozen=True, slots=True)
class FieldRules:
    """Differences of a model's requests from the format. omit: fields that are left out. rename: the model's own name
    of a field, by its name in the format.
    """

    omit: frozenset[str] = frozenset()
    rename: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def apply(self, body: Json) -> Json:
        """The body of a request as the model takes it."""
        if not self.omit and not self.rename:
            return body
        left = {name: value for name, value in body.items() if name not in self.omit}
        return {self.rename.get(name, name): value for name, value in left.items() if _NEEDS.get(name, "model") in left}

    def change_for(self, sent: str) -> "FieldRules | None":
        """What changes where a provider refuses a field. sent: its name in the request. None: there is no other way."""
        name = next((each for each, other in self.rename.items() if other == sent), sent)
        if name == "max_tokens":
            return FieldRules(rename={name: LIMITS[sent]}) if sent in LIMITS else None
        return None if name in REQUIRED else FieldRules(frozenset((name,)))

    def merged(self, other: "FieldRules") -> "FieldRules":
        return FieldRules(self.omit | other.omit, {**self.rename, **other.rename})


class LearnedRules:
    """What the models of this process refused, for as long as it lives. A model is known by its address and name."""

    def __init__(self) -> None:
        self._rules: dict[tuple[str, str], FieldRules] = {}

    def of(self, url: str, model: str, configured: FieldRules) -> FieldRules:
        learned = self._rules.get((url, model))
        return configured.merged(learned) if learned else configured

    def learn(self, url: str, model: str, rules: FieldRules) -> None:
        known = self._rules.get((url, model))
        self._rules[url, model] = known.merged(rules) if known else rules


def check_omit(names: Iterable[str]) -> None:
    """Errors: ValueError, for what is no field of a request or cannot be left out."""
    for name in names:
        if name in REQUIRED:
            raise ValueError(f"'{name}' cannot be left out of a request")
        if name not in FIELDS:
            raise ValueError(f"'{name}' is no field of a request; the fields are {', '.join(FIELDS)}")


def check_rename(names: Mapping[str, str]) -> None:
    """Errors: ValueError, for what is no field of a request, or a name that another field has."""
    for name, other in names.items():
        if name not in FIELDS:
            raise ValueError(f"'{name}' is no field of a request that can have another name")
        if not other.isascii() or not other.replace("_", "").isalnum() or len(other) > 60:
            raise ValueError(f"the name for '{name}' may have letters, digits and underscores, 60 at most")
        if other in REQUIRED or other in FIELDS or list(names.values()).count(other) > 1:
            raise ValueError(f"'{name}' cannot be called '{other}', which is another field")
