"""Activation, rollback, canary and rehearsal of a release."""

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.reasons import check_reason
from app.releases import repository
from app.releases.domain import (
    STAGING,
    Canary,
    CanaryRunning,
    Move,
    NoCanary,
    NoEarlierRelease,
    NoLiveRelease,
    NotApproved,
    Pointer,
    Promotion,
    Release,
    ReleaseUnservable,
)
from app.releases.ports import ApprovalGate
from app.releases.service.environments import Environments
from app.releases.service.live_releases import LiveReleases
from app.releases.service.move_writer import MoveWriter
from app.releases.service.releases import Releases


@dataclass(frozen=True)
class Rollouts:
    """Every move is one transaction; when a method returns, this process serves its result.

    canary_percent: the share of a canary for which nobody names another one.
    """

    environments: Environments
    move_writer: MoveWriter
    approval_gate: ApprovalGate
    canary_percent: float = 10

    @classmethod
    def build(cls, live_releases: LiveReleases, approval_gate: ApprovalGate, self_approve_first: bool) -> "Rollouts":
        """Rollouts, and the environments that they change."""
        move_writer = MoveWriter(live_releases.releases, live_releases.production)
        environments = Environments(live_releases, move_writer, approval_gate, self_approve_first)
        return cls(environments, move_writer, approval_gate)

    @property
    def releases(self) -> Releases:
        return self.move_writer.releases

    @property
    def production(self) -> str:
        return self.move_writer.production

    async def activate(
        self, actor: str, wanted: str, reason: str, environment: str | None = None, *, break_glass: bool = False
    ) -> Release:
        """Makes a release live: every answer that starts after the commit belongs to it, and none fails.

        Production needs an approval that is valid now, or `break_glass`, which is recorded for a review afterwards.
        Errors: ReleaseNotFound, ReleaseUnservable, NotApproved, CanaryRunning, IndexBehind, ReasonRequired.
        """
        name, reason = environment or self.production, check_reason(reason)
        release = await self.releases.find(wanted)
        await self.environments.live_releases.loaded_releases.preload(release)
        async with self.releases.database.transaction(None) as connection:
            await repository.lock(connection)
            pointer = await repository.pointer(connection, name)
            canary = pointer and pointer.canary
            if canary and canary.release_id != release.id:
                raise CanaryRunning(f"A canary takes {canary.percent:g} % in {name}.")
            if pointer is None or pointer.release_id != release.id:
                if name == self.production:
                    now = self.releases.clock.now()
                    await self._clear(connection, Promotion(release, name, actor, reason, now, break_glass))
                await self.move_writer.go_live(connection, release, name, pointer, actor, reason)
        await self.environments.refresh()
        return release

    async def _clear(self, connection: AsyncConnection, promotion: Promotion) -> None:
        await self.approval_gate.check(connection, promotion)
        release = promotion.release
        state = (await self.releases.history_in(connection, release.id)).state
        if state in ("approved", "canary"):
            return
        if not promotion.break_glass:
            raise NotApproved(f"Release {release.number} is {state}.")
        await self.releases.mark_approved(connection, release.id, promotion.actor, promotion.reason, "break_glass")

    async def rollback(self, actor: str, reason: str, environment: str | None = None, to: str | None = None) -> Release:
        """Rolls back to the previous release, or to another one that was live and approved, without a gate.

        While a canary runs and no release is named, only the canary ends. Returns the release that is live then.
        Errors: NoEarlierRelease, ReleaseNotFound, ReleaseUnservable, IndexBehind, ReasonRequired.
        """
        name, reason = environment or self.production, check_reason(reason)
        async with self.releases.database.transaction(None) as connection:
            await repository.lock(connection)
            pointer = await self._pointer(connection, name)
            canary_runs = pointer.canary is not None
            pointer = await self.move_writer.drop_canary(connection, pointer, actor, reason)
            if to is not None or not canary_runs:
                target = await self._target(connection, pointer, to)
                await self.environments.live_releases.loaded_releases.preload(target)
                await self.move_writer.go_live(connection, target, name, pointer, actor, reason, "rollback")
        await self.environments.refresh()
        return self.environments.served(name).live

    async def _pointer(self, connection: AsyncConnection, name: str) -> Pointer:
        pointer = await repository.pointer(connection, name)
        if pointer is None:
            raise NoEarlierRelease(f"Nothing was ever live in {name}.")
        return pointer

    async def _target(self, connection: AsyncConnection, pointer: Pointer, to: str | None) -> Release:
        wanted = to or await self.move_writer.earlier(connection, pointer.environment, pointer.release_id)
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

    async def start_canary(self, actor: str, wanted: str, percent: float | None, reason: str) -> Release:
        """Serves the release to a share of production's callers, always the same ones; workers judge it from now on.

        percent: between 0 and 100, of conversations, or of tenants for requests without a conversation; None: that of
        the policy.
        Errors: NotApproved, CanaryRunning, NoLiveRelease, ReleaseUnservable, IllegalMove.
        """
        reason = check_reason(reason)
        release = await self.releases.find(wanted)
        await self.environments.live_releases.loaded_releases.preload(release)
        async with self.releases.database.transaction(None) as connection:
            await repository.lock(connection)
            pointer = await repository.pointer(connection, self.production)
            if pointer is None:
                raise NoLiveRelease("A canary needs a live release to be compared with.")
            if pointer.canary:
                raise CanaryRunning(f"A canary takes {pointer.canary.percent:g} % already.")
            now = self.releases.clock.now()
            await self.approval_gate.check(connection, Promotion(release, self.production, actor, reason, now))
            await self.releases.step(connection, release.id, "canary", actor, reason)
            canary = Canary(release.id, self.canary_percent if percent is None else percent, now)
            to = Move(self.production, "canary", pointer.release_id, pointer.previous_id, canary, now, actor, reason)
            await self.move_writer.record(connection, to)
        await self.environments.refresh()
        return release

    async def end_canary(self, actor: str, reason: str, release_id: str | None = None) -> Release:
        """Rolls the canary back; all callers get the live release again.

        release_id: only if this is the canary. Errors: NoCanary, ReasonRequired.
        """
        reason = check_reason(reason)
        async with self.releases.database.transaction(None) as connection:
            await repository.lock(connection)
            pointer = await self._pointer(connection, self.production)
            if pointer.canary is None or release_id not in (None, pointer.canary.release_id):
                raise NoCanary("No such canary is running.")
            ended = pointer.canary.release_id
            await self.move_writer.drop_canary(connection, pointer, actor, reason)
        await self.environments.refresh()
        return await self.releases.find(ended)

    async def rehearse(self, actor: str, reason: str, to: str | None = None) -> tuple[Release, float]:
        """Tries a rollback of production's release on staging, and restores staging.

        Returns the release that was rolled back to, and the seconds until this process served it, which are stored with
        the moves. Errors: as `rollback`.
        """
        reason, live = check_reason(reason), await self.environments.resolve()
        async with self.releases.database.read(None) as connection:
            target = await self._target(connection, await self._pointer(connection, self.production), to)
            before = await repository.pointer(connection, STAGING)
        for release in (target, live):
            await self.activate(actor, release.id, f"rehearsal: {reason}", STAGING)
        began = self.releases.clock.monotonic()
        await self.rollback(actor, f"rehearsal: {reason}", STAGING, target.id)
        seconds = self.releases.clock.monotonic() - began
        if self.environments.served(STAGING).live.id != target.id:
            raise ReleaseUnservable(f"Release {target.number} did not come back on staging.")
        if before and before.release_id != target.id:
            await self.rollback(actor, "the rehearsal is over", STAGING, before.release_id)
        rehearsal = Move(
            STAGING, "rehearsal", target.id, live.id, None, self.releases.clock.now(), actor, reason, seconds
        )
        async with self.releases.database.transaction(None) as connection:
            await repository.add_move(connection, rehearsal)
        return target, seconds
