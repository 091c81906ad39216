"""Writing one move of an environment."""

from dataclasses import dataclass, replace

from sqlalchemy.ext.asyncio import AsyncConnection

from app.core import audit
from app.core.audit import Act
from app.core.database import notify
from app.core.telemetry import counter
from app.releases import repository
from app.releases.domain import ENVIRONMENT_CHANGED, Move, MoveKind, Pointer, Release, releases_in_force
from app.releases.service.releases import Releases

MAX_MOVES_SEARCHED = 200
"""The newest moves that are searched for the release to roll back to."""

_moves = counter("app_release_moves_total", "Moves of an environment, by kind", ("environment", "kind"))


@dataclass(frozen=True)
class MoveWriter:
    """Writes a move in the caller's transaction: pointer, index, states of the releases, audit log, and the
    notification of every process.
    """

    releases: Releases
    production: str

    async def go_live(
        self,
        connection: AsyncConnection,
        release: Release,
        name: str,
        pointer: Pointer | None,
        actor: str,
        reason: str,
        kind: MoveKind = "activate",
    ) -> None:
        """Makes a release live in the environment, from the commit on. kind: activate or rollback."""
        previous = pointer.release_id if pointer else None
        if name == self.production:
            left = "rolled_back" if kind == "rollback" else "superseded"
            if previous:
                await self.releases.step(connection, previous, left, actor, reason)  # type: ignore[arg-type]
            await self.releases.step(connection, release.id, "live", actor, reason)
            if release.manifest.index.id:
                await self.releases.indexes.enter(connection, release.manifest.index.id)
        move = Move(name, kind, release.id, previous, None, self.releases.clock.now(), actor, reason)
        if kind == "rollback":
            move = replace(move, previous_id=await self.earlier(connection, name, release.id, move))
        await self.record(connection, move)

    async def drop_canary(self, connection: AsyncConnection, pointer: Pointer, actor: str, reason: str) -> Pointer:
        """Ends a running canary; returns the pointer without it. Errors: IllegalMove."""
        if pointer.canary is None:
            return pointer
        await self.releases.step(connection, pointer.canary.release_id, "rolled_back", actor, reason)
        now = self.releases.clock.now()
        to = Move(
            pointer.environment, "canary_ended", pointer.release_id, pointer.previous_id, None, now, actor, reason
        )
        await self.record(connection, to)
        return replace(pointer, canary=None)

    async def earlier(self, connection: AsyncConnection, name: str, live: str, to: Move | None = None) -> str | None:
        """The last release of the environment before the live one that was superseded and not rolled back.

        to: a move that is not stored yet.
        """
        moves = list(reversed(await repository.moves(connection, name, MAX_MOVES_SEARCHED)))
        for release_id in reversed(releases_in_force([*moves, to] if to else moves)):
            if release_id == live:
                continue
            if name != self.production:
                return release_id
            if (await self.releases.history_in(connection, release_id)).state == "superseded":
                return release_id
        return None

    async def record(self, connection: AsyncConnection, move: Move) -> None:
        """Changes the pointer and stores the move."""
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
