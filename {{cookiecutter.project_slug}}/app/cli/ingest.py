import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from app.cli.common import DEFAULT_TENANT, caller_at_the_command_line, err, out, with_state
from app.core.errors import StartRefused
from app.core.jobs import Worker
from app.identity.domain import Principal
from app.ingestion.domain.documents import UNFINISHED, Accepted, Upload, envelope
from app.ingestion.domain.quality import worth_telling
from app.wiring import State

BATCH_FILES = 50
BATCH_BYTES = 20_000_000
POLL_SECONDS = 0.3
SHOWN = 50
READERS = "Who may read them; may be repeated. '' is everybody. Left out, a document keeps the readers it has."


@dataclass(frozen=True, slots=True)
class Found:
    """A file to be read. uri: its path below the folder that was named."""

    path: Path
    uri: str


@dataclass(frozen=True, slots=True)
class Ended:
    name: str
    result: str
    reason: str = ""
    flagged: bool = False


def add_to(app: typer.Typer) -> None:
    app.command()(ingest)


def ingest(
    paths: Annotated[list[Path], typer.Argument(help="Files, or folders to be searched for files.")],
    source: Annotated[str | None, typer.Option(help="Where they come from; see policies/data.yaml.")] = None,
    group: Annotated[list[str] | None, typer.Option(help=READERS)] = None,
    tenant: Annotated[str, typer.Option(help="Whose documents.")] = DEFAULT_TENANT,
    wait: Annotated[bool, typer.Option(help="Process them here and now, beside any running worker.")] = True,
) -> None:
    """Add documents and say what became of each; exit 1 when one was refused or held back."""
    files = list(files_in(paths))
    if not files:
        raise StartRefused("There is no file in what was named.")

    async def work(state: State) -> list[Ended]:
        tenant_id = await state.identity.ensure_tenant(tenant)
        return await ingest_files(state, caller_at_the_command_line(tenant_id), source, files, group or None, wait)

    ended = with_state(work)
    show_results(ended)
    if any(each.result in ("refused", "quarantined") for each in ended):
        raise typer.Exit(1)


def files_in(paths: Sequence[Path]) -> Iterator[Found]:
    for path in paths:
        if path.is_dir():
            for each in sorted(each for each in path.rglob("*") if each.is_file()):
                below = each.relative_to(path)
                if not any(part.startswith(".") for part in below.parts):
                    yield Found(each, below.as_posix())
        elif path.is_file():
            yield Found(path, path.name)
        else:
            raise StartRefused(f"{path}: no such file or folder.")


def _batches(files: Sequence[Found]) -> Iterator[list[Found]]:
    batch: list[Found] = []
    size = 0
    for file in files:
        bytes_there = file.path.stat().st_size
        if batch and (len(batch) == BATCH_FILES or size + bytes_there > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(file)
        size += bytes_there
    yield batch


async def ingest_files(
    state: State,
    caller: Principal,
    source: str | None,
    files: Sequence[Found],
    groups: Sequence[str] | None = None,
    wait: bool = True,
) -> list[Ended]:
    """Stores the files, processes them beside any running worker, and says what became of each."""
    common = envelope(source, groups, {})
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=err) as progress:
        storing = progress.add_task("Storing", total=len(files))
        accepted: list[tuple[Found, Accepted]] = []
        for batch in _batches(files):
            uploads = [Upload(file.path.name, file.path.read_bytes(), file.uri) for file in batch]
            results = await state.ingestion.accept(caller, common, uploads)
            accepted += zip(batch, results, strict=True)
            progress.advance(storing, len(batch))
        if not wait:
            return [_at_the_door(file, item) for file, item in accepted]
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
    return [_end(file, item, ended) for file, item in accepted]


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
                ended[row["id"]] = _what_became(row)
        tell(len(ended))
    return ended


def _what_became(row: Any) -> Ended:
    if row["reason"]:
        return Ended("", row["status"], f"{row['reason']}: {row['detail']}")
    told = worth_telling(finding["rule"] for finding in row["findings"])
    details = dict.fromkeys(finding["detail"] for finding in row["findings"] if finding["rule"] in told)
    return Ended("", row["status"], "; ".join(details), bool(told))


def _at_the_door(file: Found, item: Accepted) -> Ended:
    if item.problem:
        return Ended(file.uri, "refused", f"{item.problem.code}: {item.problem.detail}")
    return Ended(file.uri, "duplicate" if item.duplicate_of else item.status, flagged=item.flagged)


def _end(file: Found, item: Accepted, ended: dict[UUID, Ended]) -> Ended:
    known = ended.get(item.id) if item.id and not item.duplicate_of else None
    return replace(known, name=file.uri) if known else _at_the_door(file, item)


def show_results(ended: Sequence[Ended]) -> None:
    counts = Counter(each.result for each in ended)
    flagged = Counter(each.result for each in ended if each.flagged)
    held = [each for each in ended if each.result in ("refused", "quarantined") or each.flagged]
    if held:
        table = Table("file", "result", "reason")
        for each in held[:SHOWN]:
            result = f"{each.result}, flagged" if each.flagged else each.result
            table.add_row(escape(each.name), result, escape(each.reason))
        out.print(table)
        if len(held) > SHOWN:
            out.print(f"… and {len(held) - SHOWN} more; GET /v1/quarantine and GET /v1/documents list them.")
    told = (
        f"{count} {result}" + (f" ({flagged[result]} flagged)" if flagged[result] else "")
        for result, count in sorted(counts.items())
    )
    out.print(", ".join(told) + ".", highlight=False)
