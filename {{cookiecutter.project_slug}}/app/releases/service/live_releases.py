"""The releases that this process serves, loaded in memory."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

import structlog

from app.core.errors import Problem
from app.core.telemetry import gauge
from app.releases import repository
from app.releases.domain import PRODUCTION, STAGING, EnvironmentReleases, Pointer, Release
from app.releases.ports import ReleaseCache
from app.releases.service.releases import Releases

log = structlog.get_logger(__name__)

_number = gauge("app_release_number", "Number of the release that this process serves", ("environment", "arm"))
_served = gauge(
    "app_release_info",
    "1 for each release that this process serves; joins its number to metrics by arm",
    ("environment", "arm", "release"),
)


@dataclass
class LiveReleases:
    """The live, previous and canary release of each environment, all loaded. by_name: replaced as a whole. known:
    whether the database has been read. problem: why production does not serve what the database says.
    """

    releases: Releases
    loaded_releases: ReleaseCache
    production: str = PRODUCTION
    by_name: Mapping[str, EnvironmentReleases] = field(default_factory=dict)
    loaded: dict[str, Release] = field(default_factory=dict)
    known: bool = False
    problem: Problem | None = None
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def refresh(self) -> None:
        """Loads the releases that the environments point to; one that cannot be served is skipped and logged.

        Errors: DatabaseUnavailable.
        """
        async with self.turn:
            async with self.releases.database.read(None) as connection:
                pointers = await repository.pointers(connection, (self.production, STAGING))
            live_releases, problem = dict(self.by_name), None
            for pointer in pointers:
                try:
                    live_releases[pointer.environment] = await self._load_environment(pointer)
                except Problem as error:
                    problem = error if pointer.environment == self.production else problem
                    log.error("releases.release_not_served", environment=pointer.environment, reason=str(error))
            self._replace(live_releases, problem)

    def _replace(self, live_releases: Mapping[str, EnvironmentReleases], problem: Problem | None) -> None:
        self.problem, self.known = problem, True
        _served.clear()
        for name, served in live_releases.items():
            before = self.by_name.get(name)
            _number.labels(name, "live").set(served.live.number)
            _number.labels(name, "canary").set(served.canary.number if served.canary else 0)
            for arm, release in served.by_arm.items():
                _served.labels(name, arm, str(release.number)).set(1)
            if before is None or before.pointer != served.pointer:
                log.info(
                    "releases.release_served",
                    environment=name,
                    release=served.live.short,
                    number=served.live.number,
                )
        self.by_name = live_releases
        in_use = {each.id for s in live_releases.values() for each in (s.live, s.previous, s.canary) if each}
        self.loaded = {key: value for key, value in self.loaded.items() if key in in_use}
        self.loaded_releases.retain(in_use)

    async def _load_environment(self, pointer: Pointer) -> EnvironmentReleases:
        current = self.by_name.get(pointer.environment)
        if current and current.pointer == pointer and (current.canary is None) == (pointer.canary is None):
            return current
        live = await self._load(pointer.release_id)
        previous = await self._load_if_possible(pointer.previous_id)
        canary = await self._load_if_possible(pointer.canary.release_id if pointer.canary else None)
        return EnvironmentReleases(pointer, live, previous, canary)

    async def _load(self, release_id: str) -> Release:
        release = self.loaded.get(release_id) or await self.releases.find(release_id)
        await self.loaded_releases.preload(release)
        self.loaded[release_id] = release
        return release

    async def _load_if_possible(self, release_id: str | None) -> Release | None:
        try:
            return await self._load(release_id) if release_id else None
        except Problem as error:
            log.warning("releases.release_not_loaded", release=release_id, reason=str(error))
            return None
