"""Ingests the documents of the evaluation, through the same upload as all documents."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from uuid import UUID

from app.core.files import FileUnreadable, FoundFile, find, read
from app.evaluation.domain.runs import CorpusBusy, CorpusRefused
from app.evaluation.domain.suites import CorpusFolder, EvaluationCorpus
from app.identity.domain import Principal
from app.identity.service import Identity
from app.ingestion.domain.documents import UNFINISHED, Cursor, Upload, upload_options
from app.ingestion.service import Ingestion
from app.retrieval.service.retrieval import Retrieval

EvaluationProgress = Callable[[str, int, int], None]
"""Called with the name of the step, the number done, and the total."""

BATCH, PAGE, ATTEMPTS = 8, 200, 5
POLL_SECONDS, PATIENCE_SECONDS = 0.25, 600.0


def no_progress(_what: str, _done: int, _total: int) -> None: ...


@dataclass(frozen=True)
class CorpusSync:
    """root: the service's folder, which contains the folders of evals/corpus.json. patience: how many seconds to wait
    without any progress of other processes.
    """

    root: Path
    identity: Identity
    ingestion: Ingestion
    retrieval: Retrieval
    patience: float = PATIENCE_SECONDS

    async def sync(self, corpus: EvaluationCorpus, progress: EvaluationProgress = no_progress) -> None:
        """Publishes new and changed files, and deletes documents whose files are gone. Idempotent.

        Errors: CorpusRefused, naming the file that cannot be ingested; CorpusBusy.
        """
        files_by_folder = [(folder, self._files(folder)) for folder in corpus.folders]
        expected: dict[tuple[str, str], set[str]] = defaultdict(set)
        for folder, files in files_by_folder:
            for uri in files:
                if uri in expected[folder.tenant, folder.source]:
                    raise CorpusRefused(f"Two files of source '{folder.source}' are called {uri}.")
                expected[folder.tenant, folder.source].add(uri)
        done, total = 0, sum(len(files) for _, files in files_by_folder)
        for folder, files in files_by_folder:
            async for uploaded in self._upload(folder, files, progress):
                done += uploaded
                progress("Documents", done, total)
        for (tenant, source), uris in expected.items():
            await self._withdraw_others(tenant, source, uris)

    async def versions(self, tenants: Iterable[str]) -> dict[str, int]:
        """The corpus version of each tenant. Errors: TenantNotFound."""
        return {name: await self.retrieval.corpus_version(await self.identity.tenant(name)) for name in tenants}

    def _files(self, folder: CorpusFolder) -> dict[str, FoundFile]:
        top = self.root / folder.path
        if not top.is_dir():
            raise CorpusRefused(f"evals/corpus.json names the folder {folder.path}, which is not there.")
        files = {}
        for found in find([top]):
            if isinstance(found, FileUnreadable):
                raise CorpusRefused(f"{folder.path}/{found}")
            files[found.uri] = found
        return files

    async def _upload(
        self, folder: CorpusFolder, files: dict[str, FoundFile], progress: EvaluationProgress
    ) -> AsyncIterator[int]:
        """Uploads and processes the files in batches; yields the size of each batch once it is served."""
        caller = _corpus_operator(await self.identity.ensure_tenant(folder.tenant))
        common = upload_options(folder.source, folder.groups, {})
        names, largest = list(files), self.ingestion.max_file_bytes(common)
        for start in range(0, len(names), BATCH):
            batch = names[start : start + BATCH]
            uploads = [Upload(files[uri].path.name, self._read(folder, files[uri], largest), uri) for uri in batch]
            unfinished: dict[UUID, int] = {}
            uris: dict[UUID, str] = {}
            for uri, item in zip(batch, await self.ingestion.upload(caller, common, uploads), strict=True):
                if item.problem:
                    raise CorpusRefused(f"{folder.path}/{uri} was refused: {item.problem.detail}")
                if item.id and item.version and item.status in UNFINISHED:
                    unfinished[item.id], uris[item.id] = item.version, uri
            await self._process(caller, unfinished)
            await self._wait_until_served(folder, caller, uris, progress)
            yield len(batch)

    def _read(self, folder: CorpusFolder, file: FoundFile, largest: int) -> bytes:
        try:
            return read(file, largest)
        except FileUnreadable as fault:
            raise CorpusRefused(f"{folder.path}/{fault}") from fault

    async def _process(self, caller: Principal, unfinished: dict[UUID, int]) -> None:
        """Processes the documents in this process, beside any worker, with the retries of the job.

        Errors: the failure of the last attempt.
        """
        left = dict(unfinished)
        for attempt in range(1, ATTEMPTS + 1):
            ended = await self.ingestion.process_all(caller.tenant_id, left) if left else {}
            failed = {document: error for document, error in ended.items() if isinstance(error, Exception)}
            if failed and attempt == ATTEMPTS:
                raise next(iter(failed.values()))
            left = {document: left[document] for document in failed}
            if not left:
                break
            await asyncio.sleep(2.0**attempt / 4)

    async def _wait_until_served(
        self, folder: CorpusFolder, caller: Principal, uris: dict[UUID, str], progress: EvaluationProgress
    ) -> None:
        """Waits until each is served, also by another process. Errors: CorpusBusy, CorpusRefused."""

        async def count_unfinished() -> int:
            newest = await self.ingestion.newest_versions(caller, list(uris)) if uris else []
            for row in newest:
                if row.status == "quarantined":
                    raise CorpusRefused(f"{folder.path}/{uris[row.document_id]} is in quarantine: {row.detail}")
            return sum(row.status in UNFINISHED for row in newest)

        await self._until_none(count_unfinished, folder.tenant, progress)

    async def settled(self, tenants: Iterable[str], progress: EvaluationProgress = no_progress) -> None:
        """Waits until no document of these tenants is being processed by any process. Errors: CorpusBusy."""
        for tenant in tenants:
            caller = _corpus_operator(await self.identity.tenant(tenant))
            await self._until_none(partial(self.ingestion.count_unfinished, caller), tenant, progress)

    async def _until_none(
        self, count_unfinished: Callable[[], Awaitable[int]], tenant: str, progress: EvaluationProgress
    ) -> None:
        """Waits until the count is 0. Errors: CorpusBusy, when it has not changed for `patience` seconds."""
        most, last, since = 0, 0, 0.0
        while left := await count_unfinished():
            most, since = max(most, left), since + POLL_SECONDS if left == last else 0.0
            last = left
            if since >= self.patience:
                raise CorpusBusy(
                    f"{left} {'document' if left == 1 else 'documents'} of tenant {tenant} made no progress "
                    f"within {self.patience:.0f} s; nothing was measured."
                )
            progress("Waiting for documents that are being processed", most - left, most)
            await asyncio.sleep(POLL_SECONDS)
        if most:
            progress("Waiting for documents that are being processed", most, most)

    async def _withdraw_others(self, tenant: str, source: str, uris: Collection[str]) -> None:
        caller = _corpus_operator(await self.identity.tenant(tenant))
        after: Cursor | None = None
        while True:
            page = await self.ingestion.list(caller, status=None, source=source, after=after, limit=PAGE)
            for row in page:
                if row.uri not in uris and row.status != "deleted":
                    await self.ingestion.delete(caller, row.id)
            if len(page) < PAGE:
                return
            after = Cursor(page[-1].created_at, page[-1].id)


def _corpus_operator(tenant_id: UUID) -> Principal:
    """The principal that ingests the documents of the evaluation; it has no key, so the nil id stands for it."""
    return Principal(tenant_id, UUID(int=0), "evaluation", frozenset({"operator"}))
