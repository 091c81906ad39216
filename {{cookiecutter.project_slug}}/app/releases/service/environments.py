"""What each environment serves: which release, to whom, and since when."""

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
    ReleaseUnknown,
)
from app.releases.ports import ApprovalGate
from app.releases.service.live_releases import LiveReleases
from app.releases.service.move_writer import MoveWriter
from app.releases.service.releases import Releases

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Environments:
    """What is live in each environment and which release a request is assigned; in this process, and in the database.

    self_approve_first: with nothing live, the release of this process's own files approves itself, as on a laptop.
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

    def standing(self, environment: str | None = None) -> EnvironmentReleases:
        """What this process serves there. Errors: ReleaseUnknown, NoLiveRelease."""
        name = environment or self.production
        if found := self.live_releases.by_name.get(name):
            return found
        if not self.live_releases.known or (self.live_releases.problem and name == self.production):
            raise self.live_releases.problem or ReleaseUnknown()
        raise NoLiveRelease(f"Nothing is live in {name}.")

    def closed(self) -> Problem | None:
        """Why nothing may be asked here: outside a laptop nothing is served before a release was approved."""
        if (
            self.self_approve_first
            or not self.live_releases.known
            or self.production in self.live_releases.by_name
            or self.live_releases.problem
        ):
            return None
        return NoLiveRelease(f"Nothing is live in {self.production}.", retry_after=5)

    def current(self) -> Release:
        """The release that production's answers belong to. Errors: as `standing`."""
        return self.standing().live

    def assign(self, environment: str | None, unit: str) -> tuple[Release, Arm]:
        """The release for a conversation or tenant. Errors: as `standing`."""
        return self.standing(environment).assign(unit)

    async def resolve(self) -> Release:
        """As `current`, and looks into the database when this process does not know yet.

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
        """In which parts this process's own files and settings differ from what is live. Errors: as `resolve`."""
        return (await self.resolve()).manifest.differs_in(await self.releases.draft())

    async def ready(self) -> None:
        """Returns when this process serves what the database says. Errors: as `resolve`."""
        await self.resolve()
        if self.live_releases.problem:
            raise self.live_releases.problem

    async def follow(self, _: str = "") -> None:
        """A handler for word of a move: serves it once all of it is in memory, and until then what it has."""
        try:
            await self.refresh()
        except Problem as problem:
            log.warning("releases.previous_release_kept", code=problem.code)

    async def refresh(self) -> None:
        """Takes over what the database says, but for what cannot be served here. Errors: DatabaseUnavailable."""
        await self.live_releases.refresh()

    async def _begin(self) -> None:
        """The first release on a laptop: it approves itself, and says so."""
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
        """The canary that runs in production now, as the database has it."""
        async with self.releases.database.read(None) as connection:
            pointer = await repository.pointer(connection, self.production)
        return pointer.canary if pointer else None

    async def pointed(self, environment: str | None = None) -> Release:
        """What the database says is live there, whether or not this process can serve it. Errors: NoLiveRelease."""
        name = environment or self.production
        async with self.releases.database.read(None) as connection:
            pointer = await repository.pointer(connection, name)
            if pointer is None:
                raise NoLiveRelease(f"Nothing is live in {name}.")
            return (await self.releases.load(connection, pointer.release_id))[0]

    async def at(self, time: datetime, environment: str | None = None) -> Move:
        """What the environment pointed to at a moment. Errors: ReleaseNotFound when nothing was live yet."""
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
