from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from app.core.policies import PolicyModel

Verdict = Literal["flag", "quarantine"]


class Rules(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Duplicates(Rules):
    """exact: point at the document that is served, or hold it. near: hold or serve; threshold is the shared share."""

    exact: Literal["link", "quarantine"] = "link"
    near: Literal["quarantine", "flag", "allow"] = "quarantine"
    near_threshold: float = Field(0.95, gt=0.5, le=1)


class Freshness(Rules):
    """A document whose own date is older than this is noted, marked for readers, or not served."""

    max_age_days: int | None = Field(None, ge=1)
    action: Literal["warn", "flag", "exclude"] = "flag"

    @property
    def max_age(self) -> timedelta | None:
        return timedelta(days=self.max_age_days) if self.max_age_days else None


class Source(Rules):
    """What one source promises about its documents, and what happens when it does not keep it."""

    types: tuple[str, ...] = ("markdown", "text", "html", "pdf", "docx", "csv", "jsonl")
    required_metadata: tuple[str, ...] = ()
    access_groups: tuple[str, ...] = ()
    max_file_bytes: int = Field(20_000_000, ge=1)
    max_characters: int = Field(5_000_000, ge=1)
    min_words: int = Field(2, ge=0)
    languages: tuple[str, ...] = ()
    not_utf8: Verdict = "quarantine"
    control_characters: Verdict = "quarantine"
    formula_cells: Verdict = "quarantine"
    boilerplate: Verdict = "quarantine"
    duplicates: Duplicates = Duplicates()
    freshness: Freshness = Freshness()


class DataPolicy(PolicyModel):
    """policies/data.yaml: where documents come from, and what each source promises about them."""

    unknown_sources: Literal["allow", "quarantine"] = "allow"
    defaults: Source = Source()
    sources: Mapping[str, Source] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _inherit(cls, data: Any) -> Any:
        if not isinstance(data, dict) or not isinstance(data.get("sources"), dict):
            return data
        defaults = data.get("defaults") or {}
        sources = {name: _merged(defaults, rules or {}) for name, rules in data["sources"].items()}
        return data | {"sources": sources}

    def source(self, name: str) -> Source:
        """The rules of a source; those of `defaults` when it is not named."""
        return self.sources.get(name, self.defaults)

    def knows(self, name: str) -> bool:
        return name in self.sources or self.unknown_sources == "allow"


def _merged(defaults: Any, rules: Any) -> Any:
    if not isinstance(defaults, dict) or not isinstance(rules, dict):
        return rules
    return defaults | {key: _merged(defaults.get(key), value) for key, value in rules.items()}
