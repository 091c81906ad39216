"""Processes versions: parse and check, split near duplicates, chunk and embed, publish. A version that fails a check is
quarantined. Processing may be interrupted at any point and run again.
"""

import asyncio
import time
from collections.abc import Awaitable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TypeVar
from uuid import UUID

import structlog

from app.core.errors import Contended
from app.core.telemetry import span
from app.encryption.domain import Sealed
from app.ingestion.domain.attachment_addresses import within_limits
from app.ingestion.domain.documents import ProcessingAttempt, ProcessingResult
from app.ingestion.domain.near_duplicates import Signature, signature, similarity
from app.ingestion.domain.parsed_document import ParsedDocument, Unparsable
from app.ingestion.domain.personal_data import protected
from app.ingestion.domain.quality import QualityInput, check_quality, rules_for_readers
from app.ingestion.domain.quarantine_reasons import QuarantineReason, quarantine_reason
from app.ingestion.repository import attempts
from app.ingestion.repository.attempts import PublishedVersion, SimilarDocument
from app.ingestion.service.attachments import PublishedMessage, apply_changes, lock_messages, store_attachments
from app.ingestion.service.dependencies import DOCUMENTS, ORIGINAL, STEP_SECONDS, IngestionDependencies
from app.retrieval.domain import PreparedDocument, PublishRequest, TooManyChunks
from app.safety.domain.text import Finding, normalise

_REPAIRABLE = "encoding_damage"
_TOO_MANY_CHUNKS = "too_many_chunks"
# Checking a short text takes less time than switching to another thread; language detection takes longer.
_MAX_CHARACTERS_IN_LOOP = 2_000
# Enough to keep the embedder busy while another job publishes, and few enough not to delay questions.
_CONCURRENT_EMBEDDINGS = 2
_STARTS = (0.05, 0.1, 0.2)
"""Seconds before a start is tried again."""
# Limits the work that is lost when the worker dies.
_MAX_SECONDS_UNPUBLISHED = 0.5
SUPERSEDED = ProcessingResult("superseded")
PUBLISHED = ProcessingResult("published")

T = TypeVar("T")
Results = dict[UUID, ProcessingResult | Exception]

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Checked:
    """A version that passed its checks, with the data to store for it."""

    attempt: ProcessingAttempt
    parsed: ParsedDocument
    title: str
    metadata: Mapping[str, str]
    language: str | None
    findings: tuple[Finding, ...]
    signature: Signature | None

    @property
    def id(self) -> UUID:
        return self.attempt.document_id


@dataclass(frozen=True, slots=True)
class _Embedded:
    """A version that is chunked and embedded, and can be published."""

    checked: _Checked
    document: PreparedDocument

    @property
    def id(self) -> UUID:
        return self.checked.id


async def process(deps: IngestionDependencies, tenant_id: UUID, versions: Mapping[UUID, int]) -> Results:
    results: Results = dict.fromkeys(versions, SUPERSEDED)
    remaining: list[_Checked] = []
    for attempt in await _start(deps, tenant_id, versions):
        checked = await _result_or_error(_parse_and_check(deps, attempt))
        if isinstance(checked, _Checked):
            remaining.append(checked)
        else:
            results[attempt.document_id] = checked
    while remaining:
        # A duplicate within the batch waits until the other document is published, as if uploaded later: then it is
        # compared with it, and takes its vectors.
        batch, remaining = _split_near_duplicates(deps, remaining)
        distinct, quarantined = await _quarantine_near_duplicates(deps, tenant_id, batch)
        results |= quarantined
        results |= await _embed_and_publish(deps, tenant_id, distinct)
    return results


async def _start(deps: IngestionDependencies, tenant_id: UUID, versions: Mapping[UUID, int]) -> list[ProcessingAttempt]:
    """Start the attempts and decrypt the files."""
    started = await _start_undisturbed(deps, tenant_id, versions)
    if all(each.key_version is None for each in started):
        return started
    async with deps.database.read(tenant_id) as connection:
        sealed = [Sealed(each.key_version, each.data) for each in started]
        opened = [await deps.keys.open(connection, tenant_id, ORIGINAL, each) for each in sealed]
    return [replace(each, data=data) for each, data in zip(started, opened, strict=True)]


async def _start_undisturbed(
    deps: IngestionDependencies, tenant_id: UUID, versions: Mapping[UUID, int]
) -> list[ProcessingAttempt]:
    """Begun again where another process works on the same documents at this moment. Errors: Contended."""
    for waited in _STARTS:
        try:
            return await attempts.start(deps.database, tenant_id, versions)
        except Contended:
            await asyncio.sleep(waited)
    return await attempts.start(deps.database, tenant_id, versions)


async def give_up(deps: IngestionDependencies, tenant_id: UUID, document_id: UUID, version: int, why: str) -> None:
    """Quarantine a version that failed in every attempt; a person can release it to try again."""
    detail = f"Processing failed in every attempt: {why[:300]}"
    for attempt in await attempts.start(deps.database, tenant_id, {document_id: version}):
        await _quarantine(deps, attempt, quarantine_reason("processing_failed", detail), ())


async def _result_or_error(step: Awaitable[T]) -> T | Exception:
    """Return the error of a step, so that the failure of one document does not stop the others."""
    try:
        return await step
    except Exception as error:
        return error


@contextmanager
def _measure(step: str) -> Iterator[None]:
    started = time.perf_counter()
    with span(f"ingest {step}"):
        yield
    STEP_SECONDS.labels(step).observe(time.perf_counter() - started)


async def _parse_and_check(deps: IngestionDependencies, attempt: ProcessingAttempt) -> _Checked | ProcessingResult:
    try:
        with _measure("parse"):
            parsed = await deps.parser.parse(attempt.data, attempt.name, repair=_REPAIRABLE in attempt.released)
        parsed = within_limits(parsed, attempt.uri)
    except Unparsable as error:
        return await _quarantine(deps, attempt, quarantine_reason(error.code, error.detail), ())
    with _measure("judge"):
        if len(parsed.text) < _MAX_CHARACTERS_IN_LOOP and not deps.data.source(attempt.source).languages:
            refused, checked = _check(deps, attempt, parsed)
        else:
            refused, checked = await asyncio.to_thread(_check, deps, attempt, parsed)
    if refused is not None:
        return await _quarantine(deps, attempt, refused, checked.findings, parsed)
    return checked


def _check(
    deps: IngestionDependencies, attempt: ProcessingAttempt, parsed: ParsedDocument
) -> tuple[QuarantineReason | None, _Checked]:
    rules = deps.data.source(attempt.source)
    protection = deps.personal_data
    safe = protected(parsed, {**parsed.metadata, **attempt.metadata}, protection)
    parsed, metadata = safe.parsed, safe.metadata
    title = normalise((metadata.get("title") if attempt.metadata.get("title") else "") or parsed.title).text
    language = deps.languages.detect(parsed.text) if rules.languages else metadata.get("language") or None
    document = QualityInput(
        parsed=parsed,
        rules=rules,
        metadata={"title": parsed.title, **metadata},
        language=language,
        now=deps.clock.now(),
        source=attempt.source,
        source_known=deps.data.knows(attempt.source),
        name=attempt.name,
        uri=attempt.uri,
    )
    quality = check_quality(document, attempt.released, deps.screen, deps.security.document_action)
    quality = safe.judged(quality, protection.documents == "quarantine", attempt.released)
    compare = quality.refused is None and rules.duplicates.near != "allow"
    signed = signature(parsed.text) if compare else None
    return quality.refused, _Checked(attempt, parsed, title, metadata, language, quality.findings, signed)


def _split_near_duplicates(
    deps: IngestionDependencies, documents: Sequence[_Checked]
) -> tuple[list[_Checked], list[_Checked]]:
    """Split documents into those without an equal or near duplicate before them, and the others."""
    distinct: list[_Checked] = []
    duplicates: list[_Checked] = []
    for document in documents:
        is_duplicate = any(
            document.parsed.text == other.parsed.text or _are_near_duplicates(deps, document, other)
            for other in distinct
        )
        (duplicates if is_duplicate else distinct).append(document)
    return distinct, duplicates


def _are_near_duplicates(deps: IngestionDependencies, one: _Checked, other: _Checked) -> bool:
    if one.signature is None or other.signature is None:
        return False
    threshold = deps.data.source(one.attempt.source).duplicates.near_threshold
    return similarity(one.signature, other.signature) >= threshold


async def _quarantine_near_duplicates(
    deps: IngestionDependencies, tenant_id: UUID, documents: Sequence[_Checked]
) -> tuple[list[_Checked], Results]:
    """Compare with published documents. Returns those that may be published, and the results of the others."""
    passed: list[_Checked] = []
    results: Results = {}
    signed = {d.id: (d.attempt.version, d.signature) for d in documents if d.signature}
    with _measure("compare"):
        similar = await attempts.find_similar(deps.database, tenant_id, signed) if signed else {}
    for document in documents:
        refused, compared = _compare(deps, document, similar.get(document.id, ()))
        if refused is None:
            passed.append(compared)
        else:
            quarantined = _quarantine(deps, document.attempt, refused, compared.findings, compared.parsed)
            results[document.id] = await _result_or_error(quarantined)
    return passed, results


def _compare(
    deps: IngestionDependencies, checked: _Checked, similar: Sequence[SimilarDocument]
) -> tuple[QuarantineReason | None, _Checked]:
    attempt, rules = checked.attempt, deps.data.source(checked.attempt.source).duplicates
    if checked.signature is None:
        return None, checked
    shares = ((similarity(checked.signature, other.signature), other.document_id) for other in similar)
    share, document_id = max(shares, default=(0.0, None))
    if document_id is None or share < rules.near_threshold:
        return None, checked
    detail = f"About {share:.0%} of the text is already published in another document."
    if rules.near == "quarantine" and "near_duplicate" not in attempt.released:
        return quarantine_reason("near_duplicate", detail, str(document_id)), checked
    return None, replace(checked, findings=(*checked.findings, Finding("near_duplicate", detail)))


async def _embed_and_publish(deps: IngestionDependencies, tenant_id: UUID, documents: Sequence[_Checked]) -> Results:
    results: Results = {}
    unpublished: list[_Embedded] = []
    since = time.perf_counter()
    for start in range(0, len(documents), _CONCURRENT_EMBEDDINGS):
        concurrent = documents[start : start + _CONCURRENT_EMBEDDINGS]
        embedded = await asyncio.gather(*(_result_or_error(_chunk_and_embed(deps, each)) for each in concurrent))
        for document, result in zip(concurrent, embedded, strict=True):
            if isinstance(result, _Embedded):
                unpublished.append(result)
            elif isinstance(result, TooManyChunks):
                reason = quarantine_reason(_TOO_MANY_CHUNKS, result.detail)
                quarantined = _quarantine(deps, document.attempt, reason, document.findings, document.parsed)
                results[document.id] = await _result_or_error(quarantined)
            else:
                results[document.id] = result
        if time.perf_counter() - since > _MAX_SECONDS_UNPUBLISHED:
            results |= await _publish_batch(deps, tenant_id, unpublished)
            unpublished, since = [], time.perf_counter()
    return results | await _publish_batch(deps, tenant_id, unpublished)


async def _chunk_and_embed(deps: IngestionDependencies, checked: _Checked) -> _Embedded:
    """Prepare a document outside of a transaction, so that publishing only has to write."""
    attempt = checked.attempt
    with _measure("prepare"):
        document = await deps.retrieval.prepare(
            PublishRequest(
                tenant_id=attempt.tenant_id,
                document_id=attempt.document_id,
                document_version=attempt.version,
                title=checked.title,
                source=attempt.source,
                uri=attempt.uri,
                access_groups=attempt.access_groups,
                text=checked.parsed.text,
                headings=checked.parsed.headings,
                flags=_flags(deps, checked),
                max_chunks=(
                    None if _TOO_MANY_CHUNKS in attempt.released else deps.data.source(attempt.source).max_chunks
                ),
            )
        )
    return _Embedded(checked, document)


def _flags(deps: IngestionDependencies, checked: _Checked) -> list[str]:
    """The rules of findings that readers of a passage see; `stale` only if the source's freshness rule flags it."""
    only_warned = deps.data.source(checked.attempt.source).freshness.action == "warn"
    return sorted(rules_for_readers(f.rule for f in checked.findings if not (only_warned and f.rule == "stale")))


async def _publish_batch(deps: IngestionDependencies, tenant_id: UUID, batch: Sequence[_Embedded]) -> Results:
    """Publish in one transaction; if that fails, or for documents that another one has locked, one by one."""
    published: set[UUID] = set()
    if len(batch) > 1:
        together = await _result_or_error(_publish(deps, tenant_id, batch))
        if isinstance(together, Exception):
            log.warning("ingestion.batch_publish_failed", error=type(together).__name__)
        else:
            published = together
    results: Results = dict.fromkeys(published, PUBLISHED)
    for document in batch:
        if document.id not in published:
            alone = await _result_or_error(_publish(deps, tenant_id, [document]))
            results[document.id] = alone if isinstance(alone, Exception) else PUBLISHED if alone else SUPERSEDED
    return results


async def _publish(deps: IngestionDependencies, tenant_id: UUID, documents: Sequence[_Embedded]) -> set[UUID]:
    """Publish documents; returns those published, without any that has a later attempt or version, or is deleted."""
    with _measure("publish"):
        async with deps.database.transaction(tenant_id) as connection:
            await lock_messages(connection, tenant_id, _messages(documents))
            current = await attempts.lock_current(connection, [each.checked.attempt for each in documents])
            mine = [_with_groups(each, current[each.id]) for each in documents if each.id in current]
            if mine:
                changes = await store_attachments(deps, connection, tenant_id, _messages(mine))
                mine = [each for each in mine if each.id not in changes.deleted]
            if mine:
                await deps.retrieval.publish_all(connection, [each.document for each in mine])
                versions = [_published_version(each.checked) for each in mine]
                await attempts.publish(connection, tenant_id, versions, deps.clock.now())
                await apply_changes(deps, connection, tenant_id, changes)
    DOCUMENTS.labels("published", "").inc(len(mine))
    return {each.id for each in mine}


def _messages(documents: Sequence[_Embedded]) -> list[PublishedMessage]:
    return [(each.checked.attempt, each.checked.parsed) for each in documents if each.checked.parsed.kind == "eml"]


def _with_groups(embedded: _Embedded, groups: tuple[str, ...]) -> _Embedded:
    """With the access groups of this moment: they may have changed since the attempt began."""
    checked, document = embedded.checked, embedded.document
    attempt = replace(checked.attempt, access_groups=groups)
    request = replace(document.request, access_groups=groups)
    return _Embedded(replace(checked, attempt=attempt), replace(document, request=request))


def _published_version(checked: _Checked) -> PublishedVersion:
    return PublishedVersion(
        attempt=checked.attempt,
        kind=checked.parsed.kind,
        title=checked.title,
        language=checked.language,
        characters=len(checked.parsed.text),
        metadata=checked.metadata,
        findings=checked.findings,
        signature=checked.signature,
        columns=checked.parsed.columns,
    )


async def _quarantine(
    deps: IngestionDependencies,
    attempt: ProcessingAttempt,
    reason: QuarantineReason,
    findings: Sequence[Finding],
    parsed: ParsedDocument | None = None,
) -> ProcessingResult:
    """Quarantine a version with its original bytes; the version published before it stays published."""
    async with deps.database.transaction(attempt.tenant_id) as connection:
        if not await attempts.lock_current(connection, [attempt]):
            return SUPERSEDED
        await attempts.quarantine(
            connection,
            attempt,
            reason,
            findings,
            deps.clock.now(),
            parsed=parsed,
        )
    DOCUMENTS.labels("quarantined", reason.code).inc()
    return ProcessingResult("quarantined", reason)
