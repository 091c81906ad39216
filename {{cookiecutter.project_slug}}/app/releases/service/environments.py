"""What each environment serves: which release, to which callers, and since when."""

from dataclasses import dataclass
from datetime import datetime

import structlog

from app.core.errors import Problem
from app.releases import repository
from app.releases.domain import (
    Arm,
    Canary,
    EnvironmentReleases,
    Move,
    NoLiveRelease,
    Release,
    ReleaseNotFound,
    ReleaseNotLoaded,
)
from app.releases.ports import ApprovalGate
from app.releases.service.live_releases import LiveReleases
from app.releases.service.move_writer import MoveWriter
from app.releases.service.releases import Releases

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Environments:
    """The live releases of each environment, and the release that a request is assigned to.

    self_approve_first: while nothing is live, the release of this process's own files approves itself, for development.
    """

    live_releases: LiveReleases
    move_writer: MoveWriter
    approval_gate: ApprovalGate
    self_approve_first: bool = False

    @property
    def releases(self) -> Releases:
        return self.live_releases.releases

    @property
    def production(self) -> str:
        return self.live_releases.production

    def served(self, environment: str | None = None) -> EnvironmentReleases:
        """What this process serves there. Errors: ReleaseNotLoaded, NoLiveRelease."""
        name = environment or self.production
        if found := self.live_releases.by_name.get(name):
            return found
        if not self.live_releases.known or (self.live_releases.problem and name == self.production):
            raise self.live_releases.problem or ReleaseNotLoaded()
        raise NoLiveRelease(f"Nothing is live in {name}.")

    def closed(self) -> Problem | None:
        """Why requests are refused: except in development, nothing is served before a release is approved."""
        if (
            self.self_approve_first
            or not self.live_releases.known
            or self.production in self.live_releases.by_name
            or self.live_releases.problem
        ):
            return None
        return NoLiveRelease(f"Nothing is live in {self.production}.", retry_after=5)

    def current(self) -> Release:
        """The live release of production. Errors: as `served`."""
        return self.served().live

    def assign(self, environment: str | None, unit: str) -> tuple[Release, Arm]:
        """The release for a conversation or tenant. Errors: as `served`."""
        return self.served(environment).assign(unit)

    async def resolve(self) -> Release:
        """As `current`, read from the database if this process has not loaded it yet.

        Errors: DatabaseUnavailable, NoLiveRelease, ReleaseUnservable.
        """
        if found := self.live_releases.by_name.get(self.production):
            return found.live
        await self.refresh()
        if (
            self.production not in self.live_releases.by_name
            and self.live_releases.problem is None
            and self.self_approve_first
        ):
            await self._begin()
        return self.current()

    async def unreleased_changes(self) -> tuple[str, ...]:
        """The parts in which this process's files and settings differ from the live release. Errors: as `resolve`."""
        return (await self.resolve()).manifest.differs_in(await self.releases.draft())

    async def ready(self) -> None:
        """Raises unless this process serves the releases that the database names. Errors: as `resolve`."""
        await self.resolve()
        if self.live_releases.problem:
            raise self.live_releases.problem

    async def follow(self, _: str = "") -> None:
        """Handles the notification of a move; the previous release is served until the new one is loaded."""
        try:
            await self.refresh()
        except Problem as problem:
            log.warning("releases.previous_release_kept", code=problem.code)

    async def refresh(self) -> None:
        """Loads the releases that the database names; one that cannot be served here is left out. Errors:
        DatabaseUnavailable.
        """
        await self.live_releases.refresh()

    async def _begin(self) -> None:
        """The first release in development approves itself, with a log event."""
        manifest = await self.releases.draft()
        parts = self.releases.inputs.parts()
        async with self.releases.database.transaction(None) as connection:
            await repository.lock(connection)
            if await repository.pointer(connection, self.production) is None:
                release = await self.releases.store(connection, manifest, parts, "app", "the first start")
                reason = "the first release on a laptop approves itself"
                if (await self.releases.history_in(connection, release.id)).state != "approved":
                    await self.releases.mark_approved(connection, release.id, "app", reason, "first_release")
                    await self.approval_gate.first_release(connection, release, self.releases.clock.now())
                await self.move_writer.go_live(connection, release, self.production, None, "app", reason)
                log.warning(
                    "releases.first_release_self_approved", release=release.short, number=release.number, why=reason
                )
        await self.refresh()

    async def canary(self) -> Canary | None:
        """The running canary of production, read from the database."""
        async with self.releases.database.read(None) as connection:
            pointer = await repository.pointer(connection, self.production)
        return pointer.canary if pointer else None

    async def pointed(self, environment: str | None = None) -> Release:
        """The live release by the database, even if this process cannot serve it. Errors: NoLiveRelease."""
        name = environment or self.production
        async with self.releases.database.read(None) as connection:
            pointer = await repository.pointer(connection, name)
            if pointer is None:
                raise NoLiveRelease(f"Nothing is live in {name}.")
            return (await self.releases.load(connection, pointer.release_id))[0]

    async def at(self, time: datetime, environment: str | None = None) -> Move:
        """The move that was in effect at a time. Errors: ReleaseNotFound when nothing was live yet."""
        name = environment or self.production
        async with self.releases.database.read(None) as connection:
            move = await repository.move_at(connection, name, time)
        if move is None:
            raise ReleaseNotFound(f"Nothing was live in {name} then.")
        return move

    async def moves(self, environment: str | None = None, limit: int = 50) -> list[Move]:
        """The newest moves, newest first."""
        async with self.releases.database.read(None) as connection:
            return list(await repository.moves(connection, environment or self.production, limit))
