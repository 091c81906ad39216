from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from app.core.policies import PolicyModel

GateAction = Literal["flag", "quarantine"]


class SourceSection(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DuplicateRules(SourceSection):
    """exact: point at the document that is served, or hold it. near: hold or serve; threshold is the shared share."""

    exact: Literal["link", "quarantine"] = Field("link", description="The same content once more.")
    near: Literal["quarantine", "flag", "allow"] = Field("quarantine", description="Nearly the same text.")
    near_threshold: float = Field(
        0.95, gt=0.5, le=1, description="From which share of five-word runs in common on a text is nearly the same."
    )


class FreshnessRules(SourceSection):
    """A document whose own date is older than this is noted, marked for readers, or not served."""

    max_age_days: int | None = Field(None, ge=1, description="The oldest document by its own date, in days.")
    action: Literal["warn", "flag", "exclude"] = Field("flag", description="What happens to an older one.")

    @property
    def max_age(self) -> timedelta | None:
        return timedelta(days=self.max_age_days) if self.max_age_days else None


class SourceRules(SourceSection):
    """What one source promises about its documents, and what happens when it does not keep it."""

    types: tuple[str, ...] = Field(
        ("markdown", "text", "html", "pdf", "docx", "csv", "jsonl"),
        description="Kinds of files, told from their bytes.",
    )
    required_metadata: tuple[str, ...] = Field((), description="Fields that an upload must give.")
    access_groups: tuple[str, ...] = Field(
        (), description="Who may read a document that names no group itself; nobody named means everybody."
    )
    max_file_bytes: int = Field(20_000_000, ge=1, description="The largest file.")
    max_characters: int = Field(5_000_000, ge=1, description="The longest text.")
    max_chunks: int = Field(
        10_000, ge=1, description="The most passages a document may be cut into: each is embedded and kept."
    )
    min_distinct_share: float = Field(
        0.01, ge=0, le=1, description="The least share of a long text that is no repetition of what it said before."
    )
    min_words: int = Field(2, ge=0, description="The fewest words.")
    languages: tuple[str, ...] = Field((), description="ISO codes such as en; nothing named means any.")
    not_utf8: GateAction = Field("quarantine", description="The text came in another encoding than UTF-8.")
    control_characters: GateAction = Field("quarantine", description="Characters that no text has had to be taken out.")
    formula_cells: GateAction = Field("quarantine", description="Cells that a spreadsheet would run.")
    boilerplate: GateAction = Field("quarantine", description="Most of the page is navigation and notices.")
    duplicates: DuplicateRules = DuplicateRules()
    freshness: FreshnessRules = FreshnessRules()


class DataPolicy(PolicyModel):
    """policies/data.yaml: where documents come from, and what each source promises about them."""

    unknown_sources: Literal["allow", "quarantine"] = Field(
        "allow", description="What happens to documents of a source that is not named under `sources`."
    )
    defaults: SourceRules = Field(SourceRules(), description="What a source promises that does not say otherwise.")
    sources: Mapping[str, SourceRules] = Field(
        default_factory=dict, description="Rules of each source by its name; the same fields as `defaults`."
    )

    @model_validator(mode="before")
    @classmethod
    def _inherit(cls, data: Any) -> Any:
        if not isinstance(data, dict) or not isinstance(data.get("sources"), dict):
            return data
        defaults = data.get("defaults") or {}
        sources = {name: _merged(defaults, rules or {}) for name, rules in data["sources"].items()}
        return data | {"sources": sources}

    def source(self, name: str) -> SourceRules:
        """The rules of a source; those of `defaults` when it is not named."""
        return self.sources.get(name, self.defaults)

    def knows(self, name: str) -> bool:
        return name in self.sources or self.unknown_sources == "allow"


def _merged(defaults: Any, rules: Any) -> Any:
    if not isinstance(defaults, dict) or not isinstance(rules, dict):
        return rules
    return defaults | {key: _merged(defaults.get(key), value) for key, value in rules.items()}
