import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.clock import Clock
from app.core.database import Database
from app.core.errors import Problem
from app.releases import repository
from app.releases.domain import (
    CodePin,
    IndexPin,
    Ingredients,
    Manifest,
    Prompt,
    PromptUnusable,
    Release,
    ReleaseMissing,
    ReleaseUnknown,
)
from app.releases.ports import LiveIndex
from app.releases.repository import StoredRelease

log = structlog.get_logger(__name__)

PRODUCTION = "production"
SHORTEST_PREFIX = 8


def read_prompts(folder: Path) -> dict[str, Prompt]:
    """Every `*.md` of the folder, by name without ending. Errors: PromptUnusable."""
    prompts = {file.stem: Prompt.read(file.stem, file.read_bytes()) for file in sorted(folder.glob("*.md"))}
    if not prompts:
        raise PromptUnusable(f"There is no prompt in {folder}; put the *.md files there.")
    return prompts


def read_code(package: Path, version: str) -> CodePin:
    """The version and one digest over every Python file of the package: its path and its bytes."""
    whole = hashlib.sha256()
    for file in sorted(package.rglob("*.py"), key=lambda each: each.relative_to(package).as_posix()):
        content = hashlib.sha256(file.read_bytes()).hexdigest()
        whole.update(f"{content}  {file.relative_to(package).as_posix()}\n".encode())
    return CodePin(version=version, digest=whole.hexdigest())


@dataclass
class Held:
    """What this process serves. Replaced as a whole, so that whoever holds a release keeps all of it."""

    release: Release | None = None
    leads: bool = False
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


@dataclass(frozen=True)
class Releases:
    """Which release is live here. The first floor: the one made from what this process was started with."""

    ingredients: Ingredients
    database: Database
    index: LiveIndex
    clock: Clock
    actor: str = "app"
    environment: str = PRODUCTION
    held: Held = field(default_factory=Held)

    def current(self) -> Release:
        """The release that new answers belong to. Errors: ReleaseUnknown before the first one is stored."""
        if self.held.release is None:
            raise ReleaseUnknown
        return self.held.release

    async def resolve(self) -> Release:
        """As `current`, and stores the first release if that is still to do. Errors: DatabaseUnavailable.

        The environment is not moved by it, unless it points nowhere: a command that asks one question with other
        settings than the service must not say what is live.
        """
        return self.held.release or await self._keep_up(None, leads=False)

    async def ready(self) -> None:
        """Returns when the release is known. Errors: DatabaseUnavailable."""
        await self.resolve()

    def prompt(self, name: str) -> Prompt:
        """A prompt as the current release has it. Errors: ReleaseUnknown, PromptUnusable."""
        return self.current().prompt(name)

    async def repin(self, index: IndexPin | None = None) -> Release:
        """Follows the live index: a release with it becomes current here and in the environment.

        index: the new pin, or None to look it up. Harmless to repeat. Errors: DatabaseUnavailable; then the
        release that was current stays so.
        """
        return await self._keep_up(index, leads=True)

    async def _keep_up(self, index: IndexPin | None, leads: bool) -> Release:
        async with self.held.turn:
            pin = index or await self.index.live_index()
            held = self.held.release
            if held is not None and held.manifest.index == pin and self.held.leads >= leads:
                return held
            reason = "index switched" if held and held.manifest.index != pin else "process started"
            self.held.release = await self._go_live(pin, reason, leads)
            self.held.leads = leads
            return self.held.release

    async def follow(self, _: str = "") -> None:
        """A handler for notifications about the live index: repins, and keeps what it has when it cannot."""
        try:
            await self.repin()
        except Problem as problem:
            log.warning("release_kept", code=problem.code)

    async def _go_live(self, pin: IndexPin, reason: str, leads: bool) -> Release:
        async with self.database.transaction(None) as connection:
            release = await self.ensure(connection, self.ingredients.manifest(pin))
            to = repository.Move(self.environment, release.id, self.clock.now(), self.actor, reason)
            leads = leads or await repository.environment(connection, self.environment) is None
            moved = leads and await repository.move(connection, to)
        if moved:
            log.info("release_live", release=release.short, number=release.number, reason=reason)
        return release

    async def ensure(self, connection: AsyncConnection, manifest: Manifest) -> Release:
        """Stores the manifest with its parts, once; the same manifest is the same release."""
        own = self.ingredients.parts()
        parts = {digest: own[digest] for digest in manifest.digests() & own.keys()}
        stored = await repository.add(connection, manifest.id, manifest.canonical.decode(), parts, self.clock.now())
        return _rebuilt(stored, await repository.parts(connection, manifest.digests()))

    async def show(self, release_id: str) -> tuple[Release, Mapping[str, bytes]]:
        """Any release ever stored, with the bytes of its parts by digest. Errors: ReleaseMissing.

        release_id: all 64 digits, or the first eight or more.
        """
        async with self.database.read(None) as connection:
            stored = await _find(connection, release_id)
            manifest = Manifest.model_validate_json(stored.manifest)
            parts = await repository.parts(connection, manifest.digests())
        return _rebuilt(stored, parts), parts

    async def live(self) -> Release:
        """The release that the environment points to in the database. Errors: ReleaseMissing."""
        async with self.database.read(None) as connection:
            release_id = await repository.environment(connection, self.environment)
        if release_id is None:
            raise ReleaseMissing(f"Nothing is live in {self.environment} yet.")
        return (await self.show(release_id))[0]


async def _find(connection: AsyncConnection, release_id: str) -> StoredRelease:
    if len(release_id) < SHORTEST_PREFIX:
        raise ReleaseMissing(f"'{release_id}' is too short; give at least {SHORTEST_PREFIX} digits.")
    found = await repository.find_by_prefix(connection, release_id)
    if len(found) != 1:
        raise ReleaseMissing(f"'{release_id}' names {'more than one' if found else 'no'} release.")
    return found[0]


def _rebuilt(stored: StoredRelease, parts: Mapping[str, bytes]) -> Release:
    manifest = Manifest.model_validate_json(stored.manifest)
    prompts = {name: Prompt.read(name, parts[digest]) for name, digest in manifest.prompts.items()}
    return Release(stored.id, stored.number, manifest, stored.created_at, prompts)
