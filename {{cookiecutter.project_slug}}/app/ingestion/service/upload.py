"""Uploads: in one transaction the bytes are stored, a version is added and a job is enqueued."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import replace
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.core import audit
from app.core.audit import Act
from app.core.errors import Contended, Problem
from app.core.text import clean
from app.identity.domain import Principal
from app.ingestion.domain.access_groups import access_groups_of, common_access_groups
from app.ingestion.domain.documents import (
    ContentKey,
    ExistingDocument,
    FileTooLarge,
    LiveDuplicate,
    RepeatedName,
    TooManyFiles,
    Upload,
    UploadOptions,
    UploadResult,
    check_name,
    check_uri,
)
from app.ingestion.domain.scanned_pages import may_be_read_further
from app.ingestion.repository import sharing_queries, versions
from app.ingestion.service.attachments import restrict
from app.ingestion.service.dependencies import (
    ORIGINAL,
    UPLOADS,
    IngestionDependencies,
    enqueue_processing,
    quarantine_duplicate,
    uploader,
)

_MAX_ATTEMPTS = 4
# Each job and each publish has a fixed cost, which small documents share.
_MAX_JOB_DOCUMENTS = 8
_MAX_JOB_BYTES = 20_000
MAX_AWAITED_FILES = 8
"""An upload of more files is a bulk load, which waits behind those of people."""


class _ConcurrentUpload(Exception):
    """Another transaction stored the same content between our query and our insert: query again."""


async def upload(
    deps: IngestionDependencies, caller: Principal, options: UploadOptions, files: Sequence[Upload]
) -> list[UploadResult]:
    limits = deps.security.limits
    if len(files) > limits.upload_files:
        raise TooManyFiles(f"{len(files)} files; {limits.upload_files} is the limit.")
    if sum(len(file.data) for file in files) > limits.upload_request_bytes:
        raise TooManyFiles(f"The files together are larger than {limits.upload_request_bytes:,} bytes.")
    results, valid = _validate(deps, options, files)
    # Always in the same order, so that two batches with the same files wait for each other instead of deadlocking.
    valid.sort(key=lambda index: files[index].digest)
    for attempt in range(1, _MAX_ATTEMPTS + 1):
        try:
            stored = await _store_all(deps, caller, options, [(index, files[index]) for index in valid])
            break
        except (Contended, _ConcurrentUpload) as error:
            if attempt == _MAX_ATTEMPTS:
                raise Contended(retry_after=1) from error
            await asyncio.sleep(0.05 * attempt)
    results |= stored
    for result in results.values():
        UPLOADS.labels("duplicate" if result.unchanged else result.status).inc()
    return [results[index] for index in range(len(files))]


def _validate(
    deps: IngestionDependencies, options: UploadOptions, files: Sequence[Upload]
) -> tuple[dict[int, UploadResult], list[int]]:
    """The refusals by position, and the positions of the valid files."""
    refused: dict[int, UploadResult] = {}
    valid: list[int] = []
    uris: set[str] = set()
    for index, file in enumerate(files):
        try:
            _check(deps, options, file, uris)
            uris.add(file.uri)
            valid.append(index)
        except Problem as problem:
            refused[index] = UploadResult(clean(file.name[:255]), options.source, problem=problem)
    return refused, valid


def _check(deps: IngestionDependencies, options: UploadOptions, file: Upload, uris: set[str]) -> None:
    check_name(file.name)
    check_uri(file.uri)
    max_bytes = min(deps.security.limits.upload_file_bytes, deps.data.source(options.source).max_file_bytes)
    if len(file.data) > max_bytes:
        raise FileTooLarge(f"The file has {len(file.data):,} bytes; {max_bytes:,} is the limit.")
    if file.uri in uris:
        raise RepeatedName("Another file of this request has the same name.")


async def _store_all(
    deps: IngestionDependencies, caller: Principal, options: UploadOptions, files: Sequence[tuple[int, Upload]]
) -> dict[int, UploadResult]:
    results: dict[int, UploadResult] = {}
    received: list[tuple[UUID, int, int]] = []
    changed: list[tuple[ExistingDocument, tuple[str, ...]]] = []
    tenant_id, source = caller.tenant_id, options.source
    async with deps.database.transaction(tenant_id) as connection:
        await sharing_queries.lock_source(connection, tenant_id, source, shared=True)
        access = await sharing_queries.find_access(connection, tenant_id, source)
        documents = await versions.lock_existing(connection, tenant_id, source, [file.uri for _, file in files])
        digests = [file.digest for _, file in files]
        duplicates = await versions.find_live_content(connection, tenant_id, source, digests)
        for index, file in files:
            existing = documents.get(file.uri)
            try:
                listed = access.groups_of(file.uri)
                defaults = deps.data.source(source).access_groups if listed is None else listed
                groups = access_groups_of(options, defaults, existing, caller)
            except Problem as problem:
                results[index] = UploadResult(file.name, source, problem=problem)
                continue
            same = duplicates.setdefault(ContentKey(file.digest, groups), [])
            existing_id = existing.document_id if existing else None
            own = next((each for each in same if each.document_id == existing_id and each.newest), None)
            own_options = replace(options, access_groups=groups)
            if own and not await _may_be_read_further(deps, own):
                results[index] = _unchanged(own_options, file, own)
                continue
            # What is read again is at its address already: it is no new copy of another document.
            original = None if own else next((each for each in same if each.document_id != existing_id), None)
            result = await _add_version(deps, connection, caller, own_options, file, original, copy=bool(same))
            if existing:
                changed.append((existing, groups))
            results[index] = result
            if result.status == "received" and result.id and result.version:
                same.append(LiveDuplicate(result.id, result.version, result.status))
                received.append((result.id, result.version, len(file.data)))
        await _restrict_access(deps, connection, caller, changed)
        bulk = options.bulk or len(files) > MAX_AWAITED_FILES
        for job_versions in group_into_jobs(received):
            await enqueue_processing(connection, tenant_id, job_versions, bulk)
    return results


async def _may_be_read_further(deps: IngestionDependencies, own: LiveDuplicate) -> bool:
    """The first look for the recognition runs a program."""
    return bool(own.unread) and may_be_read_further(
        own.unread, await asyncio.to_thread(deps.parser.recognised_languages)
    )


def group_into_jobs(received: Iterable[tuple[UUID, int, int]]) -> list[dict[UUID, int]]:
    """Group versions, given with their sizes in bytes, by job: a few small ones together, or a large one alone."""
    jobs: list[dict[UUID, int]] = []
    job_bytes = 0
    for document, version, size in received:
        job_bytes += size
        if not jobs or len(jobs[-1]) == _MAX_JOB_DOCUMENTS or job_bytes > _MAX_JOB_BYTES:
            jobs.append({})
            job_bytes = size
        jobs[-1][document] = version
    return jobs


async def _restrict_access(
    deps: IngestionDependencies,
    connection: AsyncConnection,
    caller: Principal,
    changed: Sequence[tuple[ExistingDocument, tuple[str, ...]]],
) -> None:
    """Readers without access to the new version lose access to the published one and its attachments at once, even
    while the new one is processed or quarantined. Readers of the new version only get access when it is published.
    """
    narrowed = [
        (existing, groups)
        for existing, groups in changed
        if set(common_access_groups(existing.live_groups, groups)) != set(existing.live_groups)
    ]
    if narrowed:
        await restrict(deps, connection, caller.tenant_id, narrowed)
    acts = [_act(caller, existing, groups) for existing, groups in changed if groups != existing.newest_groups]
    if acts:
        await audit.record_all(connection, acts, deps.clock.now())


def _act(caller: Principal, existing: ExistingDocument, groups: tuple[str, ...]) -> Act:
    before, after = (", ".join(each) or "everybody" for each in (existing.newest_groups, groups))
    return Act(caller.name, "document.readers", f"document {existing.document_id}", "", before, after, caller.tenant_id)


def _unchanged(options: UploadOptions, file: Upload, own: LiveDuplicate) -> UploadResult:
    """The newest version at the address has this content for these groups."""
    return UploadResult(
        file.name,
        options.source,
        own.document_id,
        own.version,
        own.status,
        duplicate_of=own.document_id,
        access_groups=options.access_groups or (),
        flagged=own.flagged,
    )


async def _add_version(
    deps: IngestionDependencies,
    connection: AsyncConnection,
    caller: Principal,
    options: UploadOptions,
    file: Upload,
    original: LiveDuplicate | None,
    copy: bool,
) -> UploadResult:
    """Add a version to the document at the address. original: of another document with the same content, for which a
    source may want the new version quarantined. copy: some version has the same content.
    """
    now, quarantined = deps.clock.now(), deps.data.source(options.source).duplicates.exact == "quarantine"
    status = "quarantined" if original and quarantined else "received"
    sealed = await deps.keys.seal(connection, caller.tenant_id, ORIGINAL, file.data)
    new = versions.NewVersion(caller.tenant_id, options, file, sealed, status, now, uploader(caller), copy)
    stored = await versions.store_upload(connection, new)
    if stored is None:
        raise _ConcurrentUpload
    duplicate_of = original.document_id if original else None
    if original and quarantined:
        await quarantine_duplicate(connection, caller.tenant_id, stored, original, now)
    return UploadResult(
        file.name,
        options.source,
        stored.document_id,
        stored.version,
        status,
        duplicate_of,
        access_groups=options.access_groups or (),
    )
