"""Stores releases and the events of their lifecycle."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from app.core import audit
from app.core.audit import Act
from app.core.clock import Clock
from app.core.database import Database
from app.core.reasons import check_reason
from app.releases import repository
from app.releases.domain import (
    ApprovalException,
    EvaluationEvidence,
    Manifest,
    Release,
    ReleaseEvent,
    ReleaseHistory,
    ReleaseInputs,
    ReleaseNotFound,
    ReleaseState,
    Scalar,
    check_transition,
    rebuild,
)
from app.releases.domain.diff import ReleaseChange, compare
from app.releases.domain.export_bundle import ExportBundle, pack, unpack
from app.releases.ports import Indexes
from app.releases.repository import StoredRelease

SHORTEST_PREFIX = 8
EVALUATES_TO: frozenset[ReleaseState] = frozenset(
    {"draft", "evaluated", "approved", "superseded", "rolled_back", "rejected"}
)


@dataclass(frozen=True)
class Releases:
    """Releases by their digest: creation, look-up, comparison, export, import and state changes."""

    inputs: ReleaseInputs
    database: Database
    indexes: Indexes
    clock: Clock

    async def create(
        self,
        actor: str,
        *,
        base: str | None = None,
        index: int | None = None,
        changes: Mapping[str, Scalar] | None = None,
        reason: str = "made from the files of this process",
    ) -> Release:
        """A draft of this process's files, or of the release `base`. The same parts give the same release; one that is
        stored already is returned unchanged.

        index: the number of another index than the live one. changes: other values of parameters, as
        `retrieval.dense_weight`.

        Errors: ReleaseNotFound, ParameterNotFound, IndexNotFound, IndexNotReady, ReasonRequired.
        """
        reason = check_reason(reason)
        manifest = await self.draft(base=base, index=index, changes=changes)
        parts = dict(self.inputs.parts())
        if base is not None:
            parts |= (await self.show(base))[1]
        async with self.database.transaction(None) as connection:
            return await self.store(connection, manifest, parts, actor, reason)

    async def draft(
        self, *, base: str | None = None, index: int | None = None, changes: Mapping[str, Scalar] | None = None
    ) -> Manifest:
        """The manifest that `create` would store."""
        if base is None:
            pin = await self.indexes.live_index() if index is None else await self.indexes.pin(index)
            manifest = self.inputs.manifest(pin)
        else:
            of_base = (await self.find(base)).manifest
            pin = of_base.index if index is None else await self.indexes.pin(index)
            manifest = of_base.model_copy(update={"index": pin, "code": self.inputs.code})
        return manifest.changed(changes or {})

    async def store(
        self, connection: AsyncConnection, manifest: Manifest, parts: Mapping[str, bytes], actor: str, reason: str
    ) -> Release:
        """Stores a manifest with its parts as a draft, once."""
        needed = {digest: parts[digest] for digest in manifest.digests() & parts.keys()}
        now = self.clock.now()
        stored, new = await repository.add(connection, manifest.id, manifest.canonical.decode(), needed, now)
        if new:
            await repository.add_event(connection, ReleaseEvent(stored.id, None, "draft", now, actor, reason))
            act = Act(actor, "release.create", f"release {stored.id}", reason, after="draft")
            await audit.record(connection, act, now)
        return _rebuilt(stored, await repository.parts(connection, manifest.digests()))

    async def find(self, reference: str) -> Release:
        """A release by its number, its id or the first eight digits or more of it. Errors: ReleaseNotFound."""
        return (await self.show(reference))[0]

    async def show(self, reference: str) -> tuple[Release, Mapping[str, bytes]]:
        """As `find`, with the bytes of its parts by digest."""
        async with self.database.read(None) as connection:
            return await self.load(connection, reference)

    async def load(self, connection: AsyncConnection, reference: str) -> tuple[Release, Mapping[str, bytes]]:
        """As `show`, in the caller's transaction."""
        stored = await _find(connection, reference)
        manifest = Manifest.model_validate_json(stored.manifest)
        parts = await repository.parts(connection, manifest.digests())
        return _rebuilt(stored, parts), parts

    async def list(self, limit: int = 50, below: int | None = None) -> Sequence[tuple[Release, ReleaseState]]:
        """The newest releases with their state, newest first, without the texts of their parts.

        below: only numbers under this one, for the next page.
        """
        async with self.database.read(None) as connection:
            rows = await repository.newest(connection, limit, below)
        return [(_bare(stored), state) for stored, state in rows]

    async def lock(self, connection: AsyncConnection) -> None:
        """Serialises changes of releases and environments until the end of the caller's transaction."""
        await repository.lock(connection)

    async def history(self, release_id: str) -> ReleaseHistory:
        """The events of a release. Errors: ReleaseNotFound."""
        async with self.database.read(None) as connection:
            return await self.history_in(connection, release_id)

    async def history_in(self, connection: AsyncConnection, release_id: str) -> ReleaseHistory:
        """As `history`, in the caller's transaction."""
        events = await repository.events(connection, release_id)
        if not events:
            raise ReleaseNotFound(f"There is no release {release_id[:12]}.")
        return ReleaseHistory(events)

    async def compare(self, old: str, new: str) -> tuple[Release, Release, tuple[ReleaseChange, ...]]:
        """The changes from `old` to `new`. Errors: ReleaseNotFound."""
        before, after = await self.find(old), await self.find(new)
        return before, after, compare(before, after)

    async def export(self, reference: str, secret: bytes) -> bytes:
        """One signed file with all of a release. Errors: ReleaseNotFound."""
        release, parts = await self.show(reference)
        return pack(ExportBundle(release.manifest, parts, (await self.history(release.id)).author), secret)

    async def import_bundle(self, actor: str, content: bytes, secret: bytes) -> Release:
        """Stores an exported release as a draft; it is evaluated and approved again in this deployment.

        Errors: ExportBundleRefused.
        """
        bundle = unpack(content, secret)
        reason = f"imported; made by {bundle.author}"
        async with self.database.transaction(None) as connection:
            return await self.store(connection, bundle.manifest, bundle.parts, actor, reason)

    async def mark_evaluated(
        self, connection: AsyncConnection, release_id: str, actor: str, evidence: EvaluationEvidence
    ) -> bool:
        """Records an evaluation in the caller's transaction. Approvals on earlier evidence no longer count. False for a
        live release or a canary, whose state does not change.
        """
        await repository.lock(connection)
        history = await self.history_in(connection, release_id)
        if history.state not in EVALUATES_TO:
            return False
        await self.step(connection, release_id, "evaluated", actor, f"evaluation: {evidence.verdict}", evidence)
        return True

    async def mark_approved(
        self,
        connection: AsyncConnection,
        release_id: str,
        actor: str,
        reason: str,
        unproven: ApprovalException | None = None,
    ) -> None:
        """Errors: IllegalMove."""
        await self.step(connection, release_id, "approved", actor, reason, unproven=unproven)

    async def reject(self, connection: AsyncConnection, release_id: str, actor: str, reason: str) -> None:
        """Errors: IllegalMove."""
        await self.step(connection, release_id, "rejected", actor, check_reason(reason))

    async def step(
        self,
        connection: AsyncConnection,
        release_id: str,
        after: ReleaseState,
        actor: str,
        reason: str,
        evidence: EvaluationEvidence | None = None,
        unproven: ApprovalException | None = None,
    ) -> None:
        """Changes the state of a release, with its line in the audit log, in the caller's transaction.

        Errors: IllegalMove, ReleaseNotFound.
        """
        await repository.lock(connection)
        before = (await self.history_in(connection, release_id)).state
        check_transition(before, after, unproven)
        now = self.clock.now()
        event = ReleaseEvent(release_id, before, after, now, actor, reason, unproven, evidence)
        await repository.add_event(connection, event)
        explanation = f"{reason} (unproven: {unproven})" if unproven else reason
        act = Act(
            actor,
            f"release.{after}",
            f"release {release_id}",
            explanation,
            before,
            evidence.report if evidence else after,
        )
        await audit.record(connection, act, now)


async def _find(connection: AsyncConnection, reference: str) -> StoredRelease:
    reference = reference.strip().removeprefix("#").lower()
    if reference.isascii() and reference.isdigit() and len(reference) < SHORTEST_PREFIX:
        if stored := await repository.find_by_number(connection, int(reference)):
            return stored
        raise ReleaseNotFound(f"There is no release {reference}.")
    if len(reference) < SHORTEST_PREFIX:
        raise ReleaseNotFound(
            f"'{reference}' is too short; give a number, or at least {SHORTEST_PREFIX} digits of the id."
        )
    matches = await repository.find_by_prefix(connection, reference)
    if len(matches) != 1:
        raise ReleaseNotFound(f"'{reference}' names {'more than one' if matches else 'no'} release.")
    return matches[0]


def _rebuilt(stored: StoredRelease, parts: Mapping[str, bytes]) -> Release:
    return rebuild(stored.number, stored.created_at, stored.id, stored.manifest, parts)


def _bare(stored: StoredRelease) -> Release:
    return Release(stored.id, stored.number, Manifest.model_validate_json(stored.manifest), stored.created_at)
