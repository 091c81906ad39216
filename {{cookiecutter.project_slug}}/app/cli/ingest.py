import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from app.cli.access_file import access_files_in, read_access_file
from app.cli.common import (
    DEFAULT_TENANT,
    WhoseDocuments,
    caller_at_the_command_line,
    err,
    out,
    with_state,
)
from app.core.errors import StartRefused
from app.core.files import FileUnreadable, FoundFile, find, printable, read
from app.core.jobs import Worker
from app.identity.domain import Principal
from app.ingestion.domain.documents import (
    DEFAULT_SOURCE,
    UNFINISHED,
    Upload,
    UploadOptions,
    UploadResult,
    upload_options,
)
from app.ingestion.domain.quality import rules_for_readers
from app.ingestion.domain.quarantine_reasons import ACTIONS
from app.ingestion.domain.views import NewestVersion
from app.ingestion.service.upload import MAX_AWAITED_FILES
from app.wiring import State

BATCH_FILES = 50
BATCH_BYTES = 20_000_000
POLL_SECONDS = 0.3
SHOWN = 50
READERS = "Who may read them; may be repeated. '' is everybody. Left out, a document keeps the readers it has."

NOT_SERVED = ("refused", "quarantined", "unreadable")


@dataclass(frozen=True, slots=True)
class FileResult:
    name: str
    result: str
    reason: str = ""
    flagged: bool = False


def ingest(
    paths: Annotated[list[Path], typer.Argument(help="Files, or folders to be searched for files.")],
    source: Annotated[str | None, typer.Option(help="Where they come from; see policies/data.yaml.")] = None,
    group: Annotated[list[str] | None, typer.Option(help=READERS)] = None,
    tenant: WhoseDocuments = DEFAULT_TENANT,
    wait: Annotated[bool, typer.Option(help="Process them here and now, beside any running worker.")] = True,
) -> None:
    """Add documents and print the result of each. Exit status 1: one was refused, quarantined or unreadable."""
    files = files_in(paths)
    if len(files) <= 1 and not any(isinstance(each, FoundFile) for each in files):
        raise StartRefused(str(files[0]) if files else "The paths contain no file.")

    rules = _rules_beside(paths, group)

    async def work(state: State) -> list[FileResult]:
        caller = caller_at_the_command_line(await state.identity.ensure_tenant(tenant))
        if rules is not None:
            await state.ingestion.set_source_access(caller, source or DEFAULT_SOURCE, rules)
        return await ingest_files(state, caller, source, files, group or None, wait)

    results = with_state(work)
    show_results(results)
    if any(each.result in NOT_SERVED for each in results):
        raise typer.Exit(1)


def _rules_beside(paths: Sequence[Path], group: Sequence[str] | None) -> list[tuple[str, Collection[str]]] | None:
    """The rules of the folders' access file; None where there is none. Errors: StartRefused."""
    found = access_files_in(paths)
    if len(found) > 1:
        raise StartRefused(f"{found[0]} and {found[1]} both say who may read them; ingest one folder after the other.")
    if found and group:
        raise StartRefused(f"{found[0]} says who may read them; leave out --group.")
    return read_access_file(found[0]) if found else None


def files_in(paths: Sequence[Path]) -> list[FoundFile | FileUnreadable]:
    """The files that the paths name, and all files below the folders that they name, in order."""
    return list(find(paths))


@dataclass
class _Batch:
    """Files of one upload, read."""

    files: list[FoundFile] = field(default_factory=list)
    uploads: list[Upload] = field(default_factory=list)
    size: int = 0

    def full(self, files: int, size: int) -> bool:
        return len(self.files) >= files or self.size > size

    def add(self, file: FoundFile, data: bytes) -> None:
        self.files.append(file)
        self.uploads.append(Upload(file.path.name, data, file.uri))
        self.size += len(data)


async def ingest_files(
    state: State,
    caller: Principal,
    source: str | None,
    files: Sequence[FoundFile | FileUnreadable],
    groups: Sequence[str] | None = None,
    wait: bool = True,
) -> list[FileResult]:
    """Stores the files, processes them beside any running worker, and returns the result of each file."""
    common = replace(upload_options(source, groups, {}), bulk=len(files) > MAX_AWAITED_FILES)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=err) as progress:
        storing = progress.add_task("Storing", total=len(files))
        accepted, unreadable = await _store(state, caller, common, files, lambda: progress.advance(storing))
        if not wait:
            return [*unreadable, *(_upload_result(file, item) for file, item in accepted)]
        pending = {item.id for _, item in accepted if item.id and item.status in UNFINISHED}
        processing = progress.add_task("Processing", total=len(pending))
        worker = Worker(state.database, state.jobs, state.settings.worker_concurrency)
        running = asyncio.create_task(worker.run())
        try:
            results = await _until_done(
                state, caller, pending, running, lambda done: progress.update(processing, completed=done)
            )
        finally:
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running
    return [*unreadable, *(_final_result(file, item, results) for file, item in accepted)]


async def _store(
    state: State,
    caller: Principal,
    common: UploadOptions,
    files: Sequence[FoundFile | FileUnreadable],
    on_file: Callable[[], None],
) -> tuple[list[tuple[FoundFile, UploadResult]], list[FileResult]]:
    """Uploads the files in batches. Returns the upload result of each, and the files that could not be read."""
    limits, largest = state.ingestion.deps.security.limits, state.ingestion.max_file_bytes(common)
    max_files, max_bytes = min(BATCH_FILES, limits.upload_files), min(BATCH_BYTES, limits.upload_request_bytes)
    accepted: list[tuple[FoundFile, UploadResult]] = []
    unreadable: list[FileResult] = []
    batch = _Batch()

    async def send() -> None:
        nonlocal batch
        if batch.files:
            accepted.extend(zip(batch.files, await state.ingestion.upload(caller, common, batch.uploads), strict=True))
        batch = _Batch()

    for file in files:
        try:
            if isinstance(file, FileUnreadable):
                raise file
            data = await asyncio.to_thread(read, file, largest)
        except FileUnreadable as fault:
            unreadable.append(FileResult(fault.name, "unreadable", f"{fault.detail} {fault.action}"))
        else:
            if batch.full(max_files, max_bytes - len(data)):
                await send()
            batch.add(file, data)
        on_file()
    await send()
    return accepted, unreadable


async def _until_done(
    state: State,
    caller: Principal,
    pending: set[UUID],
    running: "asyncio.Task[None]",
    on_progress: Callable[[int], None],
) -> dict[UUID, FileResult]:
    """Waits until every document is processed; the results by document id. Errors: whatever stopped the worker."""
    results: dict[UUID, FileResult] = {}
    while pending - results.keys():
        if running.done():
            await running
            raise StartRefused("The worker stopped before every document was processed; run the command again.")
        await asyncio.sleep(POLL_SECONDS)
        for row in await state.ingestion.newest_versions(caller, list(pending - results.keys())):
            if row.status not in UNFINISHED:
                results[row.document_id] = _processing_result(row)
        on_progress(len(results))
    return results


def _processing_result(row: NewestVersion) -> FileResult:
    if code := row.reason:
        return FileResult("", row.status, f"{code}: {row.detail} {ACTIONS.get(code, '')}".strip())
    rules = rules_for_readers(finding.rule for finding in row.findings)
    details = dict.fromkeys(finding.detail for finding in row.findings if finding.rule in rules)
    return FileResult("", row.status, "; ".join(details), bool(rules))


def _upload_result(file: FoundFile, item: UploadResult) -> FileResult:
    name = printable(file.uri)
    if problem := item.problem:
        return FileResult(name, "refused", f"{problem.code}: {problem.detail} {problem.what_to_do or ''}".strip())
    return FileResult(name, "duplicate" if item.unchanged else item.status, flagged=item.flagged)


def _final_result(file: FoundFile, item: UploadResult, results: dict[UUID, FileResult]) -> FileResult:
    processed = results.get(item.id) if item.id and not item.unchanged else None
    return replace(processed, name=printable(file.uri)) if processed else _upload_result(file, item)


def show_results(results: Sequence[FileResult]) -> None:
    """Prints a line for each file that is not served or is flagged, and the number of files by result."""
    counts = Counter(each.result for each in results)
    flagged = Counter(each.result for each in results if each.flagged)
    details_shown = [each for each in results if each.result == "quarantined" or each.flagged]
    for each in [each for each in results if each.result in NOT_SERVED and each not in details_shown] + details_shown[
        :SHOWN
    ]:
        result = f"{each.result}, flagged" if each.flagged else each.result
        reason = f": {each.reason}" if each.reason else ""
        out.print(f"{each.name}: {result}{reason}", markup=False, highlight=False, soft_wrap=True)
    if len(details_shown) > SHOWN:
        out.print(f"… and {len(details_shown) - SHOWN} more.", highlight=False)
    parts = (
        f"{count} {result}" + (f" ({flagged[result]} flagged)" if flagged[result] else "")
        for result, count in sorted(counts.items())
    )
    out.print(", ".join(parts) + ".", highlight=False)
    for line in _where_to_look(counts, sum(flagged.values())):
        out.print(line, highlight=False, soft_wrap=True)


def _where_to_look(counts: Mapping[str, int], flagged: int) -> Iterator[str]:
    if counts["quarantined"]:
        yield "What is in quarantine waits for a decision: app quarantine list, or /console/quarantine of the service."
    if flagged:
        yield "What is flagged is served, and its readers see why: app documents list, app documents show ID."
    if counts["received"]:
        yield "What is received is served once a worker has processed it: app documents list --status received."
