"""Environments of their own, so that tests do not move each other's."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID, uuid4

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.clock import SystemClock
from app.core.database import Database
from app.core.errors import DatabaseUnavailable
from app.releases.domain import (
    CodePin,
    IndexPin,
    ModelStep,
    NotApproved,
    Promotion,
    Prompt,
    Release,
    ReleaseInputs,
    ReleaseUnservable,
    digest_of,
)
from app.releases.service import Environments, LiveReleases, Releases, Rollouts


@dataclass
class Shelf:
    """Indexes that exist, without any document in them."""

    pins: dict[int, IndexPin] = field(default_factory=lambda: {1: IndexPin(id=UUID(int=1), embedder="none")})
    entered: list[UUID] = field(default_factory=list)
    away: bool = False

    async def live_index(self) -> IndexPin:
        if self.away:
            raise DatabaseUnavailable
        return self.pins[1]

    async def pin(self, number: int) -> IndexPin:
        return self.pins[number]

    async def enter(self, connection: AsyncConnection, index_id: UUID) -> None:
        self.entered.append(index_id)


@dataclass
class Bench:
    """Holds releases ready; those named in `broken` cannot be."""

    ready: set[str] = field(default_factory=set)
    broken: set[str] = field(default_factory=set)

    async def preload(self, release: Release) -> None:
        if release.id in self.broken:
            raise ReleaseUnservable("The model's key is missing.")
        self.ready.add(release.id)

    def retain(self, release_ids: set[str]) -> None:
        self.ready &= release_ids


@dataclass
class Gatekeeper:
    """Clears what is in `cleared`, and everything in an emergency."""

    cleared: set[str] = field(default_factory=set)
    glass: list[str] = field(default_factory=list)
    first: list[str] = field(default_factory=list)

    async def check(self, connection: AsyncConnection, promotion: Promotion) -> None:
        if promotion.break_glass:
            self.glass.append(promotion.release.id)
        elif promotion.release.id not in self.cleared:
            raise NotApproved

    async def first_release(self, connection: AsyncConnection, release: Release, at: datetime) -> None:
        self.first.append(release.id)


def inputs(prompt: str = "") -> ReleaseInputs:
    """Different for every call, so that tests do not meet each other's releases."""
    return ReleaseInputs(
        code=CodePin(version="1.0.0", digest=digest_of(b"code")),
        prompts={"answer": Prompt.read("answer", (prompt or f"Answer from the passages. {uuid4()}").encode())},
        chain=(ModelStep(provider="local", model="extractive"),),
        retrieval={"limit": 10, "dense_weight": 0.5},
        policies={"cost": b"owner: someone\n"},
        prices=b"{}",
        settings={"deadline_seconds": 8.0, "refusal.words": 0.2},
    )


@dataclass(frozen=True)
class Process:
    """What one process makes of an environment that it shares with others."""

    environments: Environments
    rollouts: Rollouts

    @property
    def releases(self) -> Releases:
        return self.environments.releases


@dataclass
class House:
    """One or more processes over one environment."""

    database: Database
    name: str = field(default_factory=lambda: f"production-{uuid4()}")
    gate: Gatekeeper = field(default_factory=Gatekeeper)

    def process(self, made_from: ReleaseInputs | None = None, *, self_approve_first: bool = True) -> Process:
        releases = Releases(made_from or inputs(), self.database, Shelf(), SystemClock())
        rollouts = Rollouts.build(LiveReleases(releases, Bench(), self.name), self.gate, self_approve_first)
        return Process(rollouts.environments, rollouts)

    async def approved(self, process: Process, **changes: object) -> Release:
        """A new release, with an approval."""
        release = await process.releases.create(
            "author",
            base=process.environments.current().id,
            changes={"refusal.words": len(self.gate.cleared) + 1, **changes},
        )
        async with self.database.transaction(None) as connection:
            from app.releases.domain import EvaluationEvidence

            proof = EvaluationEvidence("0" * 64, "PASS")
            await process.releases.mark_evaluated(connection, release.id, "evaluator", proof)
            await process.releases.mark_approved(connection, release.id, "approver", "looks good")
        self.gate.cleared.add(release.id)
        return release

    async def after_three_releases(self) -> tuple[Process, Release, Release]:
        """A process that has its third release, and the first two."""
        process = self.process()
        first = await process.environments.resolve()
        second, third = await self.approved(process), await self.approved(process)
        for release in (second, third):
            await process.rollouts.activate("operator", release.id, "better")
        return process, first, second


@pytest.fixture
def house(database: Database) -> House:
    return House(database)


@pytest.fixture
def make_ingredients() -> Callable[..., ReleaseInputs]:
    return inputs
