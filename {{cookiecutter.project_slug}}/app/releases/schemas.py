from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from app.core.reasons import Reason
from app.core.text import LARGEST_32
from app.releases.domain import Event, Life, Manifest, Move, Release, Scalar, State
from app.releases.domain.diff import Change

EnvironmentName = Literal["production", "staging"]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ReleaseRequest(_Body):
    """A draft of what this process was started with, or of another release with something changed."""

    base: str | None = Field(None, description="Number or id of the release to start from; else the files.")
    index: int | None = Field(None, ge=1, le=LARGEST_32, description="Number of another index than the live one.")
    changes: dict[str, Scalar] = Field(
        default_factory=dict, description='Other values of parameters, as {"retrieval.dense_weight": 0.3}.'
    )
    reason: Reason = "made over HTTP"


class ActivationRequest(_Body):
    release: str = Field(description="Number or id.")
    reason: Reason
    break_glass: bool = Field(False, description="An emergency: without approval; written down for review.")


class RollbackRequest(_Body):
    reason: Reason
    to: str | None = Field(None, description="Number or id of a release that was live and approved; else the last.")


class CanaryRequest(_Body):
    release: str = Field(description="Number or id.")
    percent: float = Field(gt=0, lt=100, description="Part of conversations, or of tenants where none is named.")
    reason: Reason


class ReasonRequest(_Body):
    reason: Reason


class EventShown(BaseModel):
    before: State | None
    after: State
    at: datetime
    actor: str
    reason: str
    unproven: str | None = Field(description="Approved without evidence: first_release or break_glass.")
    report: str | None = Field(description="SHA-256 of the evaluation's report.")
    verdict: str | None

    @classmethod
    def of(cls, event: Event) -> "EventShown":
        told = asdict(event) | {"report": None, "verdict": None}
        return cls.model_validate(told | (asdict(event.evidence) if event.evidence else {}))


class ReleaseLine(BaseModel):
    """A release without the texts of its parts."""

    id: str = Field(description="SHA-256 of the manifest in canonical JSON.")
    short: str
    number: int = Field(description="A running number, for people.")
    created_at: datetime
    state: State

    @classmethod
    def line(cls, release: Release, state: State) -> "ReleaseLine":
        return cls(
            id=release.id, short=release.short, number=release.number, created_at=release.created_at, state=state
        )


class ReleaseView(ReleaseLine):
    """A release: the manifest, the text of every part that it names by digest, and its life."""

    manifest: Manifest
    parts: dict[str, str] = Field(description="Prompts, policies and prices, by digest.")
    life: list[EventShown]

    @classmethod
    def of(cls, release: Release, parts: Mapping[str, bytes], life: Life) -> "ReleaseView":
        line = ReleaseLine.line(release, life.state)
        return cls(
            **line.model_dump(),
            manifest=release.manifest,
            parts={digest: content.decode() for digest, content in parts.items()},
            life=[EventShown.of(event) for event in life.events],
        )


class ReleaseList(BaseModel):
    items: list[ReleaseLine]
    below: int | None = Field(description="Give this as `below` for the next page; null at the end.")


class ChangeShown(BaseModel):
    part: str
    name: str
    before: str
    after: str
    text: str = Field(description="A unified diff, for prompts and policies.")


class DiffView(BaseModel):
    old: ReleaseLine
    new: ReleaseLine
    changes: list[ChangeShown]

    @classmethod
    def of(cls, old: ReleaseLine, new: ReleaseLine, changes: Sequence[Change]) -> "DiffView":
        return cls(old=old, new=new, changes=[ChangeShown(**asdict(change)) for change in changes])


class CanaryShown(BaseModel):
    release_id: str
    percent: float
    since: datetime


class MoveShown(BaseModel):
    """A change of what an environment points to, and all of what it points to since."""

    environment: str
    kind: str
    release_id: str
    previous_id: str | None
    canary: CanaryShown | None
    at: datetime
    actor: str
    reason: str
    seconds: float | None = Field(description="How long a rehearsal took.")

    @classmethod
    def of(cls, move: Move) -> "MoveShown":
        return cls.model_validate(asdict(move))


class MoveList(BaseModel):
    items: list[MoveShown]


class ServedView(BaseModel):
    """What an environment pointed to at a moment, and which release a tenant or conversation got."""

    move: MoveShown
    release_id: str | None = Field(description="The one for `tenant` or `conversation`; null when a canary decides.")
    arm: str | None
