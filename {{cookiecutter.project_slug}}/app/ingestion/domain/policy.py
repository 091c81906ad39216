from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Literal

from pydantic import Field, model_validator

from app.core.base_models import ExactModel
from app.core.policies import PolicyModel
from app.ingestion.domain.parsed_document import KINDS

GateAction = Literal["flag", "quarantine"]


class DuplicateRules(ExactModel):
    """exact: publish beside the other document, or quarantine. near: quarantine or publish."""

    exact: Literal["link", "quarantine"] = Field(
        "link", description="The same content at another address: link publishes both, and a search shows one of them."
    )
    near: Literal["quarantine", "flag", "allow"] = Field("quarantine", description="Nearly the same text.")
    near_threshold: float = Field(
        0.95, gt=0.5, le=1, description="Share of common five-word runs from which a text is a near duplicate."
    )


class FreshnessRules(ExactModel):
    """A document whose own date is older than this gets a finding, is flagged for readers, or is quarantined."""

    max_age_days: int | None = Field(None, ge=1, description="Maximum age of a document by its own date, in days.")
    action: Literal["warn", "flag", "exclude"] = Field("flag", description="The action for an older document.")

    @property
    def max_age(self) -> timedelta | None:
        return timedelta(days=self.max_age_days) if self.max_age_days else None


class SourceRules(ExactModel):
    """The rules for the documents of one source, with the action for a document that breaks one."""

    types: tuple[str, ...] = Field(
        KINDS,
        description="Allowed file types, detected from their content.",
    )
    required_metadata: tuple[str, ...] = Field((), description="Metadata fields that an upload must have.")
    access_groups: tuple[str, ...] = Field(
        (), description="Access groups of uploads without groups of their own; none means everybody."
    )
    max_file_bytes: int = Field(20_000_000, ge=1, description="Maximum size of a file, in bytes.")
    max_characters: int = Field(5_000_000, ge=1, description="Maximum length of a text, in characters.")
    max_chunks: int = Field(
        10_000, ge=1, description="Maximum number of chunks of a document; each is embedded and stored."
    )
    min_distinct_share: float = Field(
        0.01, ge=0, le=1, description="Minimum share of a long text that is not repeated."
    )
    max_lost_share: float = Field(
        0.02, ge=0, le=1, description="Maximum share of the words of a file that its parser may leave out."
    )
    min_words: int = Field(2, ge=0, description="Minimum number of words.")
    languages: tuple[str, ...] = Field((), description="Allowed languages as ISO 639-1 codes; none means any.")
    not_utf8: GateAction = Field("quarantine", description="The file is in another encoding than UTF-8.")
    control_characters: GateAction = Field("quarantine", description="Control characters had to be removed.")
    formula_cells: GateAction = Field("quarantine", description="Cells with formulas for a spreadsheet.")
    boilerplate: GateAction = Field("quarantine", description="Most of the page is navigation and notices.")
    duplicates: DuplicateRules = DuplicateRules()
    freshness: FreshnessRules = FreshnessRules()


class DataPolicy(PolicyModel):
    """policies/data.yaml: the sources of documents and the rules of each."""

    unknown_sources: Literal["allow", "quarantine"] = Field(
        "allow", description="The action for documents of a source that is not listed under `sources`."
    )
    defaults: SourceRules = Field(SourceRules(), description="The rules of every source, unless it has its own.")
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
        """The rules of a source; `defaults` when it is not listed."""
        return self.sources.get(name, self.defaults)

    def knows(self, name: str) -> bool:
        return name in self.sources or self.unknown_sources == "allow"


def _merged(defaults: Any, rules: Any) -> Any:
    if not isinstance(defaults, dict) or not isinstance(rules, dict):
        return rules
    return defaults | {key: _merged(defaults.get(key), value) for key, value in rules.items()}
