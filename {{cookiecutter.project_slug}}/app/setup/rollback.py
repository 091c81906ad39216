"""The composition of `app rollback`: releases and indexes of the database. Policies, prompts, prices and cases in the
working folder are not read, so that broken files do not prevent a rollback.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app import __version__
from app.core.clock import SystemClock
from app.core.database import open_database
from app.core.embedded import Urls
from app.core.pooling import PATIENT_SECONDS
from app.core.telemetry import shutdown_tracing
from app.releases.domain import CodePin, NotApproved, ReleaseInputs
from app.releases.service import LiveReleases, Releases, Rollouts
from app.retrieval.service.index_registry import make_index_registry
from app.settings import Settings
from app.setup.process import make_embedders
from app.setup.release_check import ReleaseCheck

NOT_READ = ReleaseInputs(
    code=CodePin(version=__version__, digest="0" * 64),
    prompts={},
    chain=(),
    retrieval={},
    policies={},
    prices=b"",
    settings={},
    refused="This process has read no files.",
)


class NothingApproved:
    """An ApprovalGate for a process that only rolls back, which needs no approval: it lets no other release through."""

    async def check(self, *_: object, **__: object) -> None:
        raise NotApproved("Nothing but a rollback goes live here.")

    async def first_release(self, *_: object) -> None:
        raise NotApproved("A rollback makes no first release.")


@asynccontextmanager
async def open_rollouts(settings: Settings, urls: Urls) -> AsyncIterator[Rollouts]:
    """Rollouts that can roll back and rehearse it, with the same checks as those of the whole state.

    Errors: StartRefused, when an embedder cannot be used.
    """
    embedders, clock = make_embedders(settings), SystemClock()
    database = await open_database(urls.service, settings.database_pool, urls.session, PATIENT_SECONDS)
    try:
        indexes = make_index_registry(database, clock, embedders, settings.text_search)
        releases = Releases(NOT_READ, database, indexes, clock)
        live_releases = LiveReleases(releases, ReleaseCheck(indexes, settings.model_chain))
        yield Rollouts.build(live_releases, NothingApproved(), self_approve_first=False)
    finally:
        for embedder in embedders:
            await embedder.close()
        await database.close()
        shutdown_tracing()
