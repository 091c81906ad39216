"""Environments: a pointer to the live release and perhaps a canary, and the moves of the pointer."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from app.core.errors import Invalid
from app.core.ids import in_sample
from app.releases.domain.manifest import Release

PRODUCTION, STAGING = "production", "staging"
ENVIRONMENTS = (PRODUCTION, STAGING)

Arm = Literal["live", "control", "canary"]
"""`live` while there is no canary; then `control` beside it."""
MoveKind = Literal["activate", "rollback", "canary", "canary_ended", "rehearsal"]

ENVIRONMENT_CHANGED = "release_moved"
"""The channel that notifies processes of a move of an environment."""


class EnvironmentNotFound(Invalid):
    code, title = "environment_not_found", "There is no such environment"
    action = "The environments are production and staging."


def check_environment(name: str) -> str:
    """Errors: EnvironmentNotFound."""
    if name not in ENVIRONMENTS:
        raise EnvironmentNotFound(f"'{name[:40]}' is neither production nor staging.")
    return name


@dataclass(frozen=True, slots=True)
class Canary:
    """A release that a share of the callers get. percent: of conversations, or of tenants where none is named."""

    release_id: str
    percent: float
    since: datetime

    def takes(self, unit: str) -> bool:
        """Whether this conversation or tenant gets the canary; the same for the whole life of a canary."""
        return in_sample(f"{self.release_id}:{unit}".encode(), self.percent / 100)


@dataclass(frozen=True, slots=True)
class Pointer:
    """The stored pointer of an environment."""

    environment: str
    release_id: str
    previous_id: str | None
    canary: Canary | None
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class Move:
    """A change of a pointer, with its new targets; a row that never changes."""

    environment: str
    kind: MoveKind
    release_id: str
    previous_id: str | None
    canary: Canary | None
    at: datetime
    actor: str
    reason: str
    seconds: float | None = None


def releases_in_force(moves: Iterable[Move]) -> list[str]:
    """The releases that an environment was moved to and not rolled back from, the live one last. One that was moved to
    again stands in each of its places.

    moves: of one environment, the oldest first.
    """
    releases: list[str] = []
    for move in moves:
        if move.kind == "rollback":
            places = [place for place, release_id in enumerate(releases) if release_id == move.release_id]
            releases[places[-1] if places else -1 :] = [move.release_id]
        elif move.kind != "rehearsal" and move.release_id not in releases[-1:]:
            releases.append(move.release_id)
    return releases


@dataclass(frozen=True, slots=True)
class Promotion:
    """A release that is to go live in an environment, for all callers or as a canary, before the gate has judged it.
    break_glass: it may without approval, in an emergency.
    """

    release: Release
    environment: str
    actor: str
    reason: str
    at: datetime
    break_glass: bool = False


@dataclass(frozen=True, slots=True)
class EnvironmentReleases:
    """The releases that a process serves in an environment; replaced as a whole, so that answers in progress keep
    theirs.
    """

    pointer: Pointer
    live: Release
    previous: Release | None = None
    canary: Release | None = None

    @property
    def by_arm(self) -> Mapping[Arm, Release]:
        """The release that each arm gets: `live` alone, or `control` and `canary` while there is a canary."""
        if self.pointer.canary is None or self.canary is None:
            return {"live": self.live}
        return {"control": self.live, "canary": self.canary}

    def assign(self, unit: str) -> tuple[Release, Arm]:
        """The release for a conversation or tenant."""
        canary = self.pointer.canary
        if canary is None or self.canary is None:
            return self.live, "live"
        return (self.canary, "canary") if canary.takes(unit) else (self.live, "control")
