from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from app.core.base_models import ExactModel, ResponseModel
from app.core.json_types import Boolean, Integer, Number
from app.core.reasons import Reason
from app.core.text import LARGEST_32
from app.releases.domain import Manifest, Release, ReleaseEvent, ReleaseHistory, ReleaseState, Scalar
from app.releases.domain.diff import ReleaseChange

EnvironmentName = Literal["production", "staging"]


class ReleaseRequest(ExactModel):
    """A draft of the files of this process, or of another release with changes."""

    base: str | None = Field(None, description="Number or id of the release to start from; else the files.")
    index: Integer | None = Field(None, ge=1, le=LARGEST_32, description="Number of another index than the live one.")
    changes: dict[str, Scalar] = Field(
        default_factory=dict, description='Other values of parameters, as {"retrieval.dense_weight": 0.3}.'
    )
    reason: Reason = "made over HTTP"


class ActivationRequest(ExactModel):
    release: str = Field(description="Number or id.")
    reason: Reason
    break_glass: Boolean = Field(False, description="An emergency: without approval; recorded for review.")


class RollbackRequest(ExactModel):
    reason: Reason
    to: str | None = Field(None, description="Number or id of a release that was live and approved; else the last.")


class CanaryRequest(ExactModel):
    release: str = Field(description="Number or id.")
    percent: Number | None = Field(
        None,
        gt=0,
        lt=100,
        description="Share of conversations, or of tenants where none is named; that of policies/quality.yaml if not "
        "given.",
    )
    reason: Reason


class AbortCanaryRequest(ExactModel):
    reason: Reason


class ReleaseEventResponse(BaseModel):
    before: ReleaseState | None
    after: ReleaseState
    at: datetime
    actor: str
    reason: str
    unproven: str | None = Field(description="Approved without evidence: first_release or break_glass.")
    report: str | None = Field(description="SHA-256 of the evaluation's report.")
    verdict: str | None

    @classmethod
    def of(cls, event: ReleaseEvent) -> "ReleaseEventResponse":
        values = asdict(event) | {"report": None, "verdict": None}
        return cls.model_validate(values | (asdict(event.evidence) if event.evidence else {}))


class ReleaseSummaryResponse(BaseModel):
    """A release without the texts of its parts."""

    id: str = Field(description="SHA-256 of the manifest in canonical JSON.")
    short: str
    number: int = Field(description="A running number, for people.")
    created_at: datetime
    state: ReleaseState

    @classmethod
    def line(cls, release: Release, state: ReleaseState) -> "ReleaseSummaryResponse":
        return cls(
            id=release.id, short=release.short, number=release.number, created_at=release.created_at, state=state
        )


class ReleaseResponse(ReleaseSummaryResponse):
    """A release: the manifest, the text of every part that it names by digest, and its history."""

    manifest: Manifest
    parts: dict[str, str] = Field(description="Prompts, policies and prices, by digest.")
    life: list[ReleaseEventResponse]

    @classmethod
    def of(cls, release: Release, parts: Mapping[str, bytes], history: ReleaseHistory) -> "ReleaseResponse":
        line = ReleaseSummaryResponse.line(release, history.state)
        return cls(
            **line.model_dump(),
            manifest=release.manifest,
            parts={digest: content.decode() for digest, content in parts.items()},
            life=[ReleaseEventResponse.of(event) for event in history.events],
        )


class ReleaseListResponse(BaseModel):
    items: list[ReleaseSummaryResponse]
    below: int | None = Field(description="Give this as `below` for the next page; null at the end.")


class ReleaseChangeResponse(ResponseModel):
    part: str
    name: str
    before: str
    after: str
    text: str = Field(description="A unified diff, for prompts and policies.")


class ReleaseDiffResponse(BaseModel):
    old: ReleaseSummaryResponse
    new: ReleaseSummaryResponse
    changes: list[ReleaseChangeResponse]

    @classmethod
    def of(
        cls, old: ReleaseSummaryResponse, new: ReleaseSummaryResponse, changes: Sequence[ReleaseChange]
    ) -> "ReleaseDiffResponse":
        return cls(old=old, new=new, changes=[ReleaseChangeResponse.model_validate(change) for change in changes])


class CanaryResponse(ResponseModel):
    release_id: str
    percent: float
    since: datetime


class MoveResponse(ResponseModel):
    """A move of an environment, with its new targets."""

    environment: str
    kind: str
    release_id: str
    previous_id: str | None
    canary: CanaryResponse | None
    at: datetime
    actor: str
    reason: str
    seconds: float | None = Field(description="How long a rehearsal took.")


class MoveListResponse(BaseModel):
    items: list[MoveResponse]


class ServedReleaseResponse(BaseModel):
    """The move in force at a moment, and the release that a tenant or conversation got."""

    move: MoveResponse
    release_id: str | None = Field(description="The one for `tenant` or `conversation`; null when a canary decides.")
    arm: str | None
