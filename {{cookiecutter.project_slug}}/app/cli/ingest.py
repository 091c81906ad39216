import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated
from uuid import UUID

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from app.cli.common import DEFAULT_TENANT, caller_at_the_command_line, err, out, with_state
from app.core.errors import StartRefused
from app.core.files import FileUnreadable, FoundFile, find, printable, read
from app.core.jobs import Worker
from app.identity.domain import Principal
from app.ingestion.domain.documents import UNFINISHED, Accepted, Envelope, Upload
from app.ingestion.domain.reasons import ACTIONS
from app.wiring import State

BATCH_FILES = 50
BATCH_BYTES = 20_000_000
POLL_SECONDS = 0.3
SHOWN = 50
NOT_SERVED = ("refused", "quarantined", "unreadable")


@dataclass(frozen=True, slots=True)
class Ended:
    name: str
    result: str
    reason: str = ""


def add_to(app: typer.Typer) -> None:
    app.command()(ingest)


def ingest(
    paths: Annotated[list[Path], typer.Argument(help="Files, or folders to be searched for files.")],
    source: Annotated[str | None, typer.Option(help="Where they come from; see policies/data.yaml.")] = None,
    group: Annotated[list[str] | None, typer.Option(help="Who may read them; may be repeated.")] = None,
    tenant: Annotated[str, typer.Option(help="Whose documents.")] = DEFAULT_TENANT,
    wait: Annotated[bool, typer.Option(help="Process them here and now, beside any running worker.")] = True,
) -> None:
    """Add documents and say what became of each; exit 1 when one was refused, held back or could not be read."""
    files = files_in(paths)
    if len(files) <= 1 and not any(isinstance(each, FoundFile) for each in files):
        raise StartRefused(str(files[0]) if files else "There is no file in what was named.")

    async def work(state: State) -> list[Ended]:
        tenant_id = await state.identity.ensure_tenant(tenant)
        return await ingest_files(state, caller_at_the_command_line(tenant_id), source, files, group or [], wait)

    ended = with_state(work)
    show_results(ended)
    if any(each.result in NOT_SERVED for each in ended):
        raise typer.Exit(1)


def files_in(paths: Sequence[Path]) -> list[FoundFile | FileUnreadable]:
    """What was named, and lies below the folders that were named, in order."""
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
    groups: Sequence[str] = (),
    wait: bool = True,
) -> list[Ended]:
    """Stores the files, processes them beside any running worker, and says what became of each."""
    common = state.ingestion.envelope(source, list(groups), {})
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=err) as progress:
        storing = progress.add_task("Storing", total=len(files))
        accepted, unreadable = await _stored(state, caller, common, files, lambda: progress.advance(storing))
        if not wait:
            return [*unreadable, *(_at_the_door(file, item) for file, item in accepted)]
        waiting = {item.id for _, item in accepted if item.id and item.status in UNFINISHED}
        processing = progress.add_task("Processing", total=len(waiting))
        worker = Worker(state.database, state.jobs, state.settings.worker_concurrency)
        running = asyncio.create_task(worker.run())
        try:
            ended = await _until_done(
                state, caller, waiting, running, lambda done: progress.update(processing, completed=done)
            )
        finally:
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running
    return [*unreadable, *(_end(file, item, ended) for file, item in accepted)]


async def _stored(
    state: State,
    caller: Principal,
    common: Envelope,
    files: Sequence[FoundFile | FileUnreadable],
    tell: Callable[[], None],
) -> tuple[list[tuple[FoundFile, Accepted]], list[Ended]]:
    """What became of each file at the door, and those that could not be read."""
    limits, largest = state.ingestion.parts.security.limits, state.ingestion.largest_file(common)
    most_files, most_bytes = min(BATCH_FILES, limits.upload_files), min(BATCH_BYTES, limits.upload_request_bytes)
    accepted: list[tuple[FoundFile, Accepted]] = []
    unreadable: list[Ended] = []
    batch = _Batch()

    async def send() -> None:
        nonlocal batch
        if batch.files:
            accepted.extend(zip(batch.files, await state.ingestion.accept(caller, common, batch.uploads), strict=True))
        batch = _Batch()

    for file in files:
        try:
            if isinstance(file, FileUnreadable):
                raise file
            data = await asyncio.to_thread(read, file, largest)
        except FileUnreadable as fault:
            unreadable.append(Ended(fault.name, "unreadable", f"{fault.detail} {fault.action}"))
        else:
            if batch.full(most_files, most_bytes - len(data)):
                await send()
            batch.add(file, data)
        tell()
    await send()
    return accepted, unreadable


async def _until_done(
    state: State, caller: Principal, waiting: set[UUID], running: "asyncio.Task[None]", tell: Callable[[int], None]
) -> dict[UUID, Ended]:
    """The end of each document, by id. Errors: what ended the worker, when it ends before they do."""
    ended: dict[UUID, Ended] = {}
    while waiting - ended.keys():
        if running.done():
            await running
            raise StartRefused("The worker stopped before every document was processed; run the command again.")
        await asyncio.sleep(POLL_SECONDS)
        for row in await state.ingestion.newest(caller, list(waiting - ended.keys())):
            if row["status"] not in UNFINISHED:
                ended[row["id"]] = Ended("", row["status"], _why(row["reason"], row["detail"]))
        tell(len(ended))
    return ended


def _why(code: str | None, detail: str | None) -> str:
    return f"{code}: {detail} {ACTIONS.get(code, '')}".strip() if code else ""


def _at_the_door(file: FoundFile, item: Accepted) -> Ended:
    name = printable(file.uri)
    if problem := item.problem:
        return Ended(name, "refused", f"{problem.code}: {problem.detail} {problem.what_to_do or ''}".strip())
    return Ended(name, "duplicate" if item.duplicate_of else item.status)


def _end(file: FoundFile, item: Accepted, ended: dict[UUID, Ended]) -> Ended:
    known = ended.get(item.id) if item.id and not item.duplicate_of else None
    return Ended(printable(file.uri), known.result, known.reason) if known else _at_the_door(file, item)


def show_results(ended: Sequence[Ended]) -> None:
    """A line for each file that is not served, and how many ended how."""
    counts: dict[str, int] = {}
    for each in ended:
        counts[each.result] = counts.get(each.result, 0) + 1
    held = [each for each in ended if each.result == "quarantined"]
    for each in [each for each in ended if each.result in NOT_SERVED and each not in held] + held[:SHOWN]:
        out.print(f"{each.name}: {each.result}: {each.reason}", markup=False, highlight=False, soft_wrap=True)
    if len(held) > SHOWN:
        out.print(f"… and {len(held) - SHOWN} more in quarantine; GET /v1/quarantine lists them.", highlight=False)
    out.print(", ".join(f"{count} {result}" for result, count in sorted(counts.items())) + ".", highlight=False)
