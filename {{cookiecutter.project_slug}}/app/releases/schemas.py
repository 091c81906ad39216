from collections.abc import Mapping
from datetime import datetime

from pydantic import BaseModel, Field

from app.releases.domain import Manifest, Release


class ReleaseView(BaseModel):
    """A release: the manifest, and the text of every part that it names by digest."""

    id: str = Field(description="SHA-256 of the manifest in canonical JSON.")
    short: str
    number: int = Field(description="A running number, for people.")
    created_at: datetime
    manifest: Manifest
    parts: dict[str, str] = Field(description="Prompts, policies and prices, by digest.")

    @classmethod
    def of(cls, release: Release, parts: Mapping[str, bytes]) -> "ReleaseView":
        return cls(
            id=release.id,
            short=release.short,
            number=release.number,
            created_at=release.created_at,
            manifest=release.manifest,
            parts={digest: content.decode() for digest, content in parts.items()},
        )
