"""Taking files in: bytes stored, hash taken, job enqueued, all in one transaction."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.core import audit
from app.core.audit import Act
from app.core.errors import Contended, Problem
from app.core.ids import new_id
from app.core.text import clean
from app.identity.domain import Principal
from app.ingestion import repository as rows
from app.ingestion.domain.access_groups import access_groups_of, common_access_groups
from app.ingestion.domain.documents import (
    ExistingDocument,
    FileTooLarge,
    RepeatedName,
    TooManyFiles,
    Upload,
    UploadOptions,
    UploadResult,
    check_name,
    check_uri,
)
from app.ingestion.domain.quarantine_reasons import reason
from app.ingestion.service.dependencies import IngestionDependencies, enqueue_processing, uploader, uploads

_TRIES = 4
# Each job and each publish has a price of its own, which small documents share.
_TOGETHER = 8
_TOGETHER_BYTES = 20_000


class _RaceLost(Exception):
    """Someone else stored the same content between our look and our write: look again."""


async def accept(
    deps: IngestionDependencies, caller: Principal, common: UploadOptions, files: Sequence[Upload]
) -> list[UploadResult]:
    limits = deps.security.limits
    if len(files) > limits.upload_files:
        raise TooManyFiles(f"{len(files)} files; {limits.upload_files} is the most.")
    if sum(len(file.data) for file in files) > limits.upload_request_bytes:
        raise TooManyFiles(f"The files together are larger than {limits.upload_request_bytes:,} bytes.")
    results, good = _checked(deps, common, files)
    # Always in the same order, so that two batches with the same files wait for each other instead of deadlocking.
    good.sort(key=lambda index: files[index].digest)
    for attempt in range(1, _TRIES + 1):
        try:
            stored = await _store(deps, caller, common, [(index, files[index]) for index in good])
            break
        except (Contended, _RaceLost) as error:
            if attempt == _TRIES:
                raise Contended(retry_after=1) from error
            await asyncio.sleep(0.05 * attempt)
    for index, item in stored.items():
        results[index] = item
    for item in results.values():
        uploads.labels("duplicate" if item.duplicate_of else item.status).inc()
    return [results[index] for index in range(len(files))]


def _checked(
    deps: IngestionDependencies, common: UploadOptions, files: Sequence[Upload]
) -> tuple[dict[int, UploadResult], list[int]]:
    """The refusals by position, and the positions of the files that may come in."""
    refused: dict[int, UploadResult] = {}
    good: list[int] = []
    seen: set[str] = set()
    for index, file in enumerate(files):
        try:
            _check(deps, common, file, seen)
            seen.add(file.uri)
            good.append(index)
        except Problem as problem:
            refused[index] = UploadResult(clean(file.name[:255]), common.source, problem=problem)
    return refused, good


def _check(deps: IngestionDependencies, common: UploadOptions, file: Upload, seen: set[str]) -> None:
    check_name(file.name)
    check_uri(file.uri)
    most = min(deps.security.limits.upload_file_bytes, deps.data.source(common.source).max_file_bytes)
    if len(file.data) > most:
        raise FileTooLarge(f"The file has {len(file.data):,} bytes; {most:,} is the most.")
    if file.uri in seen:
        raise RepeatedName("Another file of this request is kept under the same name.")


async def _store(
    deps: IngestionDependencies, caller: Principal, common: UploadOptions, files: Sequence[tuple[int, Upload]]
) -> dict[int, UploadResult]:
    stored: dict[int, UploadResult] = {}
    work: list[tuple[UUID, int, int]] = []
    tenant_id, source = caller.tenant_id, common.source
    async with deps.database.transaction(tenant_id) as connection:
        places = await rows.places(connection, tenant_id, source, [file.uri for _, file in files])
        twins = await rows.live_content(connection, tenant_id, source, [file.digest for _, file in files])
        for index, file in files:
            place = places.get(file.uri)
            try:
                readers = access_groups_of(common, deps.data.source(source).access_groups, place, caller)
            except Problem as problem:
                stored[index] = UploadResult(file.name, source, problem=problem)
                continue
            mine = replace(common, access_groups=readers)
            content = (file.digest, readers)
            item = await _store_one(deps, connection, caller, mine, file, twins.get(content))
            if place and not item.duplicate_of:
                await _close(deps, connection, caller, place, readers)
            stored[index] = item
            if item.status != "quarantined" and item.id and item.version:
                twins.setdefault(content, (item.id, item.version, item.status, False))
            if item.status == "received" and item.id and item.version and not item.duplicate_of:
                work.append((item.id, item.version, len(file.data)))
        for together in groups(work):
            await enqueue_processing(connection, tenant_id, together)
    return stored


def groups(work: Iterable[tuple[UUID, int, int]]) -> list[dict[UUID, int]]:
    """Versions, given with their bytes, that one job takes up together: a few small ones, or a large one alone."""
    found: list[dict[UUID, int]] = []
    filled = 0
    for document, version, size in work:
        filled += size
        if not found or len(found[-1]) == _TOGETHER or filled > _TOGETHER_BYTES:
            found.append({})
            filled = size
        found[-1][document] = version
    return found


async def _close(
    deps: IngestionDependencies,
    connection: AsyncConnection,
    caller: Principal,
    place: ExistingDocument,
    readers: tuple[str, ...],
) -> None:
    """Who may not read the new version may not read the old one from now on, also while the new one is on its way or
    held back; who may read only the new one waits for it.
    """
    now = deps.clock.now()
    if set(left := common_access_groups(place.readers, readers)) != set(place.readers):
        await rows.run(connection, rows.SET_READERS, document=place.document_id, groups=left, now=now)
        await deps.retrieval.set_access(connection, caller.tenant_id, place.document_id, left)
    if readers != place.wanted:
        before, after = (", ".join(each) or "everybody" for each in (place.wanted, readers))
        subject = f"document {place.document_id}"
        act = Act(caller.name, "document.readers", subject, "", before, after, caller.tenant_id)
        await audit.record(connection, act, now)


async def _store_one(
    deps: IngestionDependencies,
    connection: AsyncConnection,
    caller: Principal,
    common: UploadOptions,
    file: Upload,
    twin: rows.Twin | None,
) -> UploadResult:
    tenant_id, by = caller.tenant_id, uploader(caller)
    if twin and deps.data.source(common.source).duplicates.exact == "link":
        await _retire_address(deps, connection, tenant_id, by, common, file, twin[0])
        known, version, status, flagged = twin
        readers = common.access_groups or ()
        return UploadResult(file.name, common.source, known, version, status, known, None, readers, flagged)
    return await _add(deps, connection, tenant_id, by, common, file, twin[0] if twin else None)


async def _add(
    deps: IngestionDependencies,
    connection: AsyncConnection,
    tenant_id: UUID,
    by: str,
    common: UploadOptions,
    file: Upload,
    twin: UUID | None,
) -> UploadResult:
    """Writes a new version. twin: the document with the same content, when the policy wants such a file held."""
    now = deps.clock.now()
    status = "quarantined" if twin else "received"
    values: dict[str, Any] = {
        "tenant": tenant_id,
        "source": common.source,
        "name": file.name,
        "sha256": file.digest,
        "size": len(file.data),
        "groups": list(common.access_groups or ()),
        "metadata": rows.as_json(common.metadata),
        "status": status,
        "now": now,
        "by": by,
    }
    title = common.metadata.get("title") or file.name
    place = await rows.one(
        connection, rows.ADD_UPLOAD, id=new_id(), uri=file.uri, title=title, bytes=file.data, **values
    )
    added = place["added"]
    if place["version"] > 1:
        here: dict[str, Any] = {"document": place["id"], "version": place["version"]}
        await rows.run(connection, rows.SUPERSEDE_OLDER, now=now, published="received", **here)
        await rows.run(connection, rows.SUPERSEDE_QUARANTINED, now=now, by=by, **here)
        added = await rows.first(connection, rows.ADD_VERSION, **here, **values)
    if not added:
        raise _RaceLost
    if twin:
        held = reason("exact_duplicate", "The same content is already served.", str(twin))
        await rows.hold(connection, tenant_id, place["id"], place["version"], held, (), now)
    readers = common.access_groups or ()
    return UploadResult(file.name, common.source, place["id"], place["version"], status, twin, access_groups=readers)


async def _retire_address(
    deps: IngestionDependencies,
    connection: AsyncConnection,
    tenant_id: UUID,
    by: str,
    common: UploadOptions,
    file: Upload,
    twin: UUID,
) -> None:
    """Where the address of the upload served something else until now, that is withdrawn: it was replaced."""
    old = await rows.first(
        connection, rows.ADDRESS, tenant=tenant_id, source=common.source, uri=file.uri, document=twin
    )
    if old is not None:
        await withdraw(deps, connection, tenant_id, old["id"], by)


async def withdraw(
    deps: IngestionDependencies, connection: AsyncConnection, tenant_id: UUID, document_id: UUID, by: str
) -> bool:
    """Ends a document in the caller's transaction; False when there is none. Its chunks count no more at once."""
    now = deps.clock.now()
    gone = await rows.first(connection, rows.DELETE_DOCUMENT, document=document_id, now=now)
    if gone is None:
        return False
    await rows.run(connection, rows.DELETE_VERSIONS, document=document_id, now=now)
    await rows.run(connection, rows.CLOSE_QUARANTINE, document=document_id, now=now, by=by)
    await rows.run(connection, rows.DROP_BANDS, document=document_id)
    await rows.run(connection, rows.DROP_BLOBS, document=document_id, tenant=tenant_id)
    await deps.retrieval.withdraw(connection, tenant_id, document_id)
    return True
