"""What serves where: going live, back, and trying on a part of the callers."""

from dataclasses import dataclass, replace
from datetime import datetime

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core import audit
from app.core.audit import Act
from app.core.database import notify
from app.core.errors import Problem
from app.core.reasons import check_reason
from app.core.telemetry import counter
from app.releases import repository
from app.releases.domain import (
    ENVIRONMENT_CHANGED,
    STAGING,
    Arm,
    Canary,
    CanaryRunning,
    EnvironmentReleases,
    Move,
    MoveKind,
    NoCanary,
    NoEarlierRelease,
    NoLiveRelease,
    NotApproved,
    Pointer,
    Release,
    ReleaseNotFound,
    ReleaseUnknown,
    ReleaseUnservable,
)
from app.releases.ports import ApprovalGate
from app.releases.service.live_releases import LiveReleases
from app.releases.service.releases import Releases

log = structlog.get_logger(__name__)

MAX_MOVES_SEARCHED = 200
"""Moves that are searched for a release to go back to."""

_moves = counter("app_release_moves_total", "Moves of an environment, by kind", ("environment", "kind"))


@dataclass(frozen=True)
class Environments:
    """Pointers to releases. Every move is one transaction: pointer, index, life of the releases, audit log, and word to
    every process.

    self_approve_first: with nothing live, the release of this process's own files approves itself, as on a laptop.
    """

    releases: Releases
    live_releases: LiveReleases
    approval_gate: ApprovalGate
    self_approve_first: bool = False

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
                await self._go_live(connection, release, self.production, None, "app", reason)
                log.warning(
                    "releases.first_release_self_approved", release=release.short, number=release.number, why=reason
                )
        await self.refresh()

    async def activate(
        self, actor: str, wanted: str, reason: str, environment: str | None = None, *, break_glass: bool = False
    ) -> Release:
        """The release goes live: every answer that begins after the commit belongs to it, none fails.

        Production needs an approval that holds at this moment, or `break_glass`, which is written down for review.
        Errors: ReleaseNotFound, ReleaseUnservable, NotApproved, CanaryRunning, IndexBehind, ReasonRequired.
        """
        name, reason = environment or self.production, check_reason(reason)
        release = await self.releases.find(wanted)
        await self.live_releases.loaded_releases.preload(release)
        async with self.releases.database.transaction(None) as connection:
            await repository.lock(connection)
            pointer = await repository.pointer(connection, name)
            canary = pointer and pointer.canary
            if canary and canary.release_id != release.id:
                raise CanaryRunning(f"A canary takes {canary.percent:g} % in {name}.")
            if pointer is None or pointer.release_id != release.id:
                if name == self.production:
                    await self._clear(connection, release, name, actor, reason, break_glass)
                await self._go_live(connection, release, name, pointer, actor, reason)
        await self.refresh()
        return release

    async def _clear(
        self, connection: AsyncConnection, release: Release, name: str, actor: str, reason: str, break_glass: bool
    ) -> None:
        now = self.releases.clock.now()
        await self.approval_gate.check(
            connection, release, name, actor=actor, reason=reason, at=now, break_glass=break_glass
        )
        state = (await self.releases.history_in(connection, release.id)).state
        if state in ("approved", "canary"):
            return
        if not break_glass:
            raise NotApproved(f"Release {release.number} is {state}.")
        await self.releases.mark_approved(connection, release.id, actor, reason, "break_glass")

    async def _go_live(
        self,
        connection: AsyncConnection,
        release: Release,
        name: str,
        pointer: Pointer | None,
        actor: str,
        reason: str,
        kind: MoveKind = "activate",
    ) -> None:
        previous = pointer.release_id if pointer else None
        if name == self.production:
            left = "rolled_back" if kind == "rollback" else "superseded"
            if previous:
                await self.releases.step(connection, previous, left, actor, reason)  # type: ignore[arg-type]
            await self.releases.step(connection, release.id, "live", actor, reason)
            if release.manifest.index.id:
                await self.releases.indexes.enter(connection, release.manifest.index.id)
        if kind == "rollback":
            previous = await self._earlier(connection, name, {release.id, previous or ""})
        await self._move(connection, Move(name, kind, release.id, previous, None, self._now(), actor, reason))

    async def _move(self, connection: AsyncConnection, move: Move) -> None:
        before = await repository.pointer(connection, move.environment)
        await repository.move(connection, move)
        act = Act(
            move.actor,
            f"environment.{move.kind}",
            f"environment {move.environment}",
            move.reason,
            before.release_id if before else None,
            move.canary.release_id if move.canary else move.release_id,
        )
        await audit.record(connection, act, move.at)
        await notify(connection, ENVIRONMENT_CHANGED, move.environment)
        _moves.labels(move.environment, move.kind).inc()

    def _now(self) -> datetime:
        return self.releases.clock.now()

    async def rollback(self, actor: str, reason: str, environment: str | None = None, to: str | None = None) -> Release:
        """Back to the release before, or to another one that was live and approved, without asking any gate.

        While a canary runs and no release is named, only the canary ends. Returns what is live then.
        Errors: NoEarlierRelease, ReleaseNotFound, ReleaseUnservable, IndexBehind, ReasonRequired.
        """
        name, reason = environment or self.production, check_reason(reason)
        async with self.releases.database.transaction(None) as connection:
            await repository.lock(connection)
            pointer = await self._pointer(connection, name)
            trying = pointer.canary is not None
            pointer = await self._drop_canary(connection, pointer, actor, reason)
            if to is not None or not trying:
                target = await self._target(connection, pointer, to)
                await self.live_releases.loaded_releases.preload(target)
                await self._go_live(connection, target, name, pointer, actor, reason, "rollback")
        await self.refresh()
        return self.standing(name).live

    async def _pointer(self, connection: AsyncConnection, name: str) -> Pointer:
        pointer = await repository.pointer(connection, name)
        if pointer is None:
            raise NoEarlierRelease(f"Nothing was ever live in {name}.")
        return pointer

    async def _target(self, connection: AsyncConnection, pointer: Pointer, to: str | None) -> Release:
        wanted = to or await self._earlier(connection, pointer.environment, {pointer.release_id})
        if wanted is None:
            raise NoEarlierRelease(f"Nothing that was approved was live in {pointer.environment} before.")
        release = (await self.releases.load(connection, wanted))[0]
        if release.id == pointer.release_id:
            raise NoEarlierRelease(f"Release {release.number} is live already.")
        if pointer.environment == self.production:
            history = await self.releases.history_in(connection, release.id)
            if not (history.was_live and history.was_approved):
                raise NoEarlierRelease(f"Release {release.number} was never live and approved.")
        return release

    async def _earlier(self, connection: AsyncConnection, name: str, others: set[str]) -> str | None:
        """The last release there that was superseded and not rolled back."""
        for move in await repository.moves(connection, name, MAX_MOVES_SEARCHED):
            if move.release_id in others or move.kind == "rehearsal":
                continue
            if name != self.production:
                return move.release_id
            if (await self.releases.history_in(connection, move.release_id)).state == "superseded":
                return move.release_id
        return None

    async def start_canary(self, actor: str, wanted: str, percent: float, reason: str) -> Release:
        """Part of production's callers get the release, always the same ones; workers judge it from now on.

        percent: over 0 and under 100, of conversations, or of tenants where none is named.
        Errors: NotApproved, CanaryRunning, NoLiveRelease, ReleaseUnservable, IllegalMove.
        """
        reason = check_reason(reason)
        release = await self.releases.find(wanted)
        await self.live_releases.loaded_releases.preload(release)
        async with self.releases.database.transaction(None) as connection:
            await repository.lock(connection)
            pointer = await repository.pointer(connection, self.production)
            if pointer is None:
                raise NoLiveRelease("A canary needs a live release to be compared with.")
            if pointer.canary:
                raise CanaryRunning(f"A canary takes {pointer.canary.percent:g} % already.")
            now = self._now()
            await self.approval_gate.check(connection, release, self.production, actor=actor, reason=reason, at=now)
            await self.releases.step(connection, release.id, "canary", actor, reason)
            canary = Canary(release.id, percent, now)
            to = Move(self.production, "canary", pointer.release_id, pointer.previous_id, canary, now, actor, reason)
            await self._move(connection, to)
        await self.refresh()
        return release

    async def end_canary(self, actor: str, reason: str, release_id: str | None = None) -> Release:
        """The canary is rolled back; all callers get the live release again. Harmless when it has ended.

        release_id: only if this is the canary. Errors: NoCanary, ReasonRequired.
        """
        reason = check_reason(reason)
        async with self.releases.database.transaction(None) as connection:
            await repository.lock(connection)
            pointer = await self._pointer(connection, self.production)
            if pointer.canary is None or release_id not in (None, pointer.canary.release_id):
                raise NoCanary("No such canary is running.")
            ended = pointer.canary.release_id
            await self._drop_canary(connection, pointer, actor, reason)
        await self.refresh()
        return await self.releases.find(ended)

    async def _drop_canary(self, connection: AsyncConnection, pointer: Pointer, actor: str, reason: str) -> Pointer:
        if pointer.canary is None:
            return pointer
        await self.releases.step(connection, pointer.canary.release_id, "rolled_back", actor, reason)
        now = self._now()
        to = Move(
            pointer.environment, "canary_ended", pointer.release_id, pointer.previous_id, None, now, actor, reason
        )
        await self._move(connection, to)
        return replace(pointer, canary=None)

    async def rehearse(self, actor: str, reason: str, to: str | None = None) -> tuple[Release, float]:
        """A rollback of production's release, tried on staging, which then is as it was before.

        Returns the release that was gone back to, and the seconds from the decision until this process served it; they
        are kept among the moves. Errors: as `rollback`.
        """
        reason, live = check_reason(reason), await self.resolve()
        async with self.releases.database.read(None) as connection:
            target = await self._target(connection, await self._pointer(connection, self.production), to)
            before = await repository.pointer(connection, STAGING)
        await self.activate(actor, live.id, f"rehearsal: {reason}", STAGING)
        began = self.releases.clock.monotonic()
        await self.activate(actor, target.id, f"rehearsal: {reason}", STAGING)
        seconds = self.releases.clock.monotonic() - began
        if self.standing(STAGING).live.id != target.id:
            raise ReleaseUnservable(f"Release {target.number} did not come back on staging.")
        if before:
            await self.activate(actor, before.release_id, "the rehearsal is over", STAGING)
        kept = Move(STAGING, "rehearsal", target.id, live.id, None, self._now(), actor, reason, seconds)
        async with self.releases.database.transaction(None) as connection:
            await repository.note(connection, kept)
        return target, seconds

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
