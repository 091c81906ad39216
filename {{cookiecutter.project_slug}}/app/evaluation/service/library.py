"""The documents that cases are asked of, put in by the way that all documents go."""

from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from app.evaluation.domain.runs import CorpusRefused
from app.evaluation.domain.suites import Corpus, Folder
from app.identity.domain import Principal
from app.identity.service import Identity
from app.ingestion.domain.documents import UNFINISHED, Cursor, Upload, envelope
from app.ingestion.service import Ingestion
from app.retrieval.service import Retrieval

Progress = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, and how much there is."""

BATCH, PAGE = 8, 200


def no_progress(_what: str, _done: int, _total: int) -> None: ...


@dataclass(frozen=True)
class Library:
    """root: the service's folder, below which the folders of evals/corpus.json stand."""

    root: Path
    identity: Identity
    ingestion: Ingestion
    retrieval: Retrieval

    async def bring_up_to_date(self, corpus: Corpus, progress: Progress = no_progress) -> None:
        """Publishes what is new in the folders and withdraws what is gone; nothing happens when all is there.

        Errors: CorpusRefused naming the file that cannot be taken.
        """
        held = [(folder, self._files(folder)) for folder in corpus.folders]
        wanted: dict[tuple[str, str], dict[str, Path]] = defaultdict(dict)
        for folder, files in held:
            for uri, path in files.items():
                if uri in wanted[folder.tenant, folder.source]:
                    raise CorpusRefused(f"Two files of source '{folder.source}' are called {uri}.")
                wanted[folder.tenant, folder.source][uri] = path
        done, total = 0, sum(len(files) for _, files in held)
        for folder, files in held:
            async for put in self._put(folder, files):
                done += put
                progress("Documents", done, total)
        for (tenant, source), uris in wanted.items():
            await self._withdraw_others(tenant, source, uris)

    async def versions(self, tenants: Iterable[str]) -> dict[str, int]:
        """The corpus version of each tenant. Errors: TenantMissing."""
        return {name: await self.retrieval.corpus_version(await self.identity.tenant(name)) for name in tenants}

    def _files(self, folder: Folder) -> dict[str, Path]:
        top = self.root / folder.path
        if not top.is_dir():
            raise CorpusRefused(f"evals/corpus.json names the folder {folder.path}, which is not there.")
        paths = sorted(path for path in top.rglob("*") if path.is_file())
        below = {path.relative_to(top).as_posix(): path for path in paths}
        return {uri: path for uri, path in below.items() if not any(part.startswith(".") for part in uri.split("/"))}

    async def _put(self, folder: Folder, files: dict[str, Path]) -> AsyncIterator[int]:
        """The number of files of each batch, once they are served."""
        caller = _keeper(await self.identity.ensure_tenant(folder.tenant))
        common = envelope(folder.source, folder.groups, {})
        names = list(files)
        for start in range(0, len(names), BATCH):
            batch = names[start : start + BATCH]
            uploads = [Upload(files[uri].name, files[uri].read_bytes(), uri) for uri in batch]
            waiting: dict[UUID, int] = {}
            uris: dict[UUID, str] = {}
            for uri, item in zip(batch, await self.ingestion.accept(caller, common, uploads), strict=True):
                if item.problem:
                    raise CorpusRefused(f"{folder.path}/{uri} was refused: {item.problem.detail}")
                if item.id and item.version and item.status in UNFINISHED:
                    waiting[item.id], uris[item.id] = item.version, uri
            await self._process(folder, caller, waiting, uris)
            yield len(batch)

    async def _process(
        self, folder: Folder, caller: Principal, waiting: dict[UUID, int], uris: dict[UUID, str]
    ) -> None:
        """Here and now, beside any worker: the job that was enqueued finds nothing left to do."""
        ended = await self.ingestion.process_all(caller.tenant_id, waiting) if waiting else {}
        for document, outcome in ended.items():
            if isinstance(outcome, Exception):
                raise outcome
            if outcome.status == "quarantined":
                why = outcome.reason.detail if outcome.reason else "no reason was kept"
                raise CorpusRefused(f"{folder.path}/{uris[document]} is in quarantine: {why}")

    async def _withdraw_others(self, tenant: str, source: str, uris: dict[str, Path]) -> None:
        caller = _keeper(await self.identity.tenant(tenant))
        after: Cursor | None = None
        while True:
            page = await self.ingestion.list(caller, status=None, source=source, after=after, limit=PAGE)
            for row in page:
                if row["uri"] not in uris and row["status"] != "deleted":
                    await self.ingestion.delete(caller, row["id"])
            if len(page) < PAGE:
                return
            after = Cursor(page[-1]["created_at"], page[-1]["id"])


def _keeper(tenant_id: UUID) -> Principal:
    """Who keeps the documents of the evaluation; nil stands for its key."""
    return Principal(tenant_id, UUID(int=0), "evaluation", frozenset({"operator"}))
