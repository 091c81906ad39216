"""Turning versions into something served, or into quarantine entries. May die at any line and be run again."""

import asyncio
import time
from collections.abc import Awaitable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.telemetry import span
from app.ingestion import repository as rows
from app.ingestion.domain.documents import ProcessingAttempt, ProcessingResult
from app.ingestion.domain.near_duplicates import Signature, bands, signature, similarity
from app.ingestion.domain.parsed_document import ParsedDocument, Unparsable
from app.ingestion.domain.quality import QualityInput, check_quality, rules_for_readers
from app.ingestion.domain.quarantine_reasons import QuarantineReason, reason
from app.ingestion.service.dependencies import IngestionDependencies, ended, step_seconds
from app.retrieval.domain import PreparedDocument, PublishRequest, TooManyChunks
from app.safety.domain.text import Finding, normalise

_REPAIRABLE = "encoding_damage"
_COSTLY = "too_many_chunks"
# Judging a paragraph takes milliseconds, less than another thread is worth; a page or a language takes longer.
_QUICKLY_JUDGED = 2_000
# So many that the embedder is busy while another job publishes, and so few that a question's turn comes soon.
_SIDE_BY_SIDE = 2
# What a death of the worker may cost of the work that was done.
_MOST_SECONDS_UNPUBLISHED = 0.5
SUPERSEDED = ProcessingResult("superseded")
PUBLISHED = ProcessingResult("published")

T = TypeVar("T")
Ended = ProcessingResult | Exception

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A version that passed every gate, with what will be known about it."""

    work: ProcessingAttempt
    parsed: ParsedDocument
    title: str
    metadata: Mapping[str, str]
    language: str | None
    findings: tuple[Finding, ...]
    signed: Signature | None


@dataclass(frozen=True, slots=True)
class _Ready:
    """Cut and embedded; what is left is the transaction that shows it."""

    prepared: _Prepared
    document: PreparedDocument

    @property
    def id(self) -> UUID:
        return self.prepared.work.document_id


async def process(deps: IngestionDependencies, tenant_id: UUID, versions: Mapping[UUID, int]) -> dict[UUID, Ended]:
    works = await rows.take_up(deps.database, tenant_id, versions)
    ends: dict[UUID, Ended] = dict.fromkeys(versions, SUPERSEDED)
    waiting = []
    for work in works:
        seen = await _kept(_examined(deps, work))
        if isinstance(seen, _Prepared):
            waiting.append(seen)
        else:
            ends[work.document_id] = seen
    while waiting:
        # What resembles one before it is compared once that one is served, as if it had come later.
        turn, waiting = _apart(deps, waiting)
        ends |= await _served(deps, tenant_id, turn)
    return ends


async def _kept(step: Awaitable[T]) -> T | Exception:
    """One document's failure is its own: the others go on."""
    try:
        return await step
    except Exception as error:
        return error


async def _examined(deps: IngestionDependencies, work: ProcessingAttempt) -> _Prepared | ProcessingResult:
    """Parsed and judged, or held back."""
    try:
        with _step("parse"):
            parsed = await deps.parser.parse(work.data, work.name, repair=_REPAIRABLE in work.released)
    except Unparsable as error:
        return await _hold(deps, work, reason(error.code, error.detail), ())
    with _step("judge"):
        if len(parsed.text) < _QUICKLY_JUDGED and not deps.data.source(work.source).languages:
            refused, prepared = _judged(deps, work, parsed)
        else:
            refused, prepared = await asyncio.to_thread(_judged, deps, work, parsed)
    if refused is not None:
        return await _hold(deps, work, refused, prepared.findings, parsed)
    return prepared


def _apart(deps: IngestionDependencies, documents: Sequence[_Prepared]) -> tuple[list[_Prepared], list[_Prepared]]:
    """Those that resemble none before them, and the others."""
    first: list[_Prepared] = []
    later: list[_Prepared] = []
    for document in documents:
        alike = any(_alike(deps, document, other) for other in first)
        (later if alike else first).append(document)
    return first, later


def _alike(deps: IngestionDependencies, one: _Prepared, other: _Prepared) -> bool:
    if one.signed is None or other.signed is None:
        return False
    threshold = deps.data.source(one.work.source).duplicates.near_threshold
    return similarity(one.signed, other.signed) >= threshold


async def _served(deps: IngestionDependencies, tenant_id: UUID, documents: Sequence[_Prepared]) -> dict[UUID, Ended]:
    """Compared with what is served, cut, embedded and published; or held back as too much like another."""
    ends: dict[UUID, Ended] = {}
    passed: list[_Prepared] = []
    ready: list[_Ready] = []
    with _step("compare"):
        similar = await _similar(deps, tenant_id, documents)
    for document in documents:
        refused, compared = _compared(deps, document, similar.get(document.work.document_id, ()))
        if refused is None:
            passed.append(compared)
        else:
            held = _hold(deps, document.work, refused, compared.findings, compared.parsed)
            ends[document.work.document_id] = await _kept(held)
    since = time.perf_counter()
    for start in range(0, len(passed), _SIDE_BY_SIDE):
        some = passed[start : start + _SIDE_BY_SIDE]
        made = await asyncio.gather(*(_kept(_ready(deps, document)) for document in some))
        for document, each in zip(some, made, strict=True):
            if isinstance(each, _Ready):
                ready.append(each)
            elif isinstance(each, TooManyChunks):
                held = _hold(deps, document.work, reason(_COSTLY, each.detail), document.findings, document.parsed)
                ends[document.work.document_id] = await _kept(held)
            else:
                ends[document.work.document_id] = each
        if time.perf_counter() - since > _MOST_SECONDS_UNPUBLISHED:
            ends |= await _published(deps, tenant_id, ready)
            ready, since = [], time.perf_counter()
    return ends | await _published(deps, tenant_id, ready)


@contextmanager
def _step(name: str) -> Iterator[None]:
    started = time.perf_counter()
    with span(f"ingest {name}"):
        yield
    step_seconds.labels(name).observe(time.perf_counter() - started)


def _judged(
    deps: IngestionDependencies, work: ProcessingAttempt, parsed: ParsedDocument
) -> tuple[QuarantineReason | None, _Prepared]:
    rules = deps.data.source(work.source)
    metadata = {**parsed.metadata, **work.metadata}
    title = normalise(work.metadata.get("title") or parsed.title).text
    language = deps.languages.detect(parsed.text) if rules.languages else metadata.get("language") or None
    candidate = QualityInput(
        parsed=parsed,
        rules=rules,
        metadata={"title": parsed.title, **metadata},
        language=language,
        now=deps.clock.now(),
        source=work.source,
        source_known=deps.data.knows(work.source),
        name=work.name,
        uri=work.uri,
    )
    judgement = check_quality(candidate, work.released, deps.security.document_action)
    signed = signature(parsed.text) if judgement.refused is None and rules.duplicates.near != "allow" else None
    return judgement.refused, _Prepared(work, parsed, title, metadata, language, judgement.findings, signed)


async def _similar(
    deps: IngestionDependencies, tenant_id: UUID, documents: Sequence[_Prepared]
) -> Mapping[UUID, Sequence[tuple[UUID, Sequence[int]]]]:
    """Served documents of the same source and readers that may say nearly the same, by document."""
    signed = {d.work.document_id: (d.work.version, bands(d.signed)) for d in documents if d.signed}
    return await rows.similar(deps.database, tenant_id, signed) if signed else {}


def _compared(
    deps: IngestionDependencies, prepared: _Prepared, similar: Iterable[tuple[UUID, Sequence[int]]]
) -> tuple[QuarantineReason | None, _Prepared]:
    work, rules = prepared.work, deps.data.source(prepared.work.source).duplicates
    if prepared.signed is None:
        return None, prepared
    best = max(((similarity(prepared.signed, signed), twin) for twin, signed in similar), default=None)
    if best is None or best[0] < rules.near_threshold:
        return None, prepared
    detail = f"About {best[0]:.0%} of the text is already served by another document."
    if rules.near == "quarantine" and "near_duplicate" not in work.released:
        return reason("near_duplicate", detail, str(best[1])), prepared
    return None, _with_finding(prepared, Finding("near_duplicate", detail))


def _with_finding(p: _Prepared, finding: Finding) -> _Prepared:
    return _Prepared(p.work, p.parsed, p.title, p.metadata, p.language, (*p.findings, finding), p.signed)


async def _ready(deps: IngestionDependencies, prepared: _Prepared) -> _Ready:
    """Chunks and vectors are made first; then one transaction in which old chunks go and new ones appear."""
    work = prepared.work
    with _step("prepare"):
        document = await deps.retrieval.prepare(
            PublishRequest(
                tenant_id=work.tenant_id,
                document_id=work.document_id,
                document_version=work.version,
                title=prepared.title,
                source=work.source,
                uri=work.uri,
                access_groups=work.access_groups,
                text=prepared.parsed.text,
                headings=prepared.parsed.headings,
                flags=_flags(deps, prepared),
                max_chunks=None if _COSTLY in work.released else deps.data.source(work.source).max_chunks,
            )
        )
    return _Ready(prepared, document)


async def _published(deps: IngestionDependencies, tenant_id: UUID, ready: Sequence[_Ready]) -> dict[UUID, Ended]:
    """All in one transaction; those for which that fails, or that somebody else is busy with, each in its own."""
    done: set[UUID] = set()
    if len(ready) > 1:
        together = await _kept(_publish(deps, tenant_id, ready))
        if isinstance(together, Exception):
            log.warning("publishing_one_by_one", error=type(together).__name__)
        else:
            done = together
    ends: dict[UUID, Ended] = dict.fromkeys(done, PUBLISHED)
    for each in ready:
        if each.id not in done:
            alone = await _kept(_publish(deps, tenant_id, [each]))
            ends[each.id] = alone if isinstance(alone, Exception) else PUBLISHED if alone else SUPERSEDED
    return ends


async def _publish(deps: IngestionDependencies, tenant_id: UUID, ready: Sequence[_Ready]) -> set[UUID]:
    """Those it published: not those that another attempt, a newer version or a deletion has overtaken."""
    with _step("publish"):
        async with deps.database.transaction(tenant_id) as connection:
            held = await rows.still_mine(connection, [each.prepared.work for each in ready])
            mine = [each for each in ready if each.id in held]
            if mine:
                await deps.retrieval.publish_all(connection, [each.document for each in mine])
                await _record_published(deps, connection, tenant_id, [each.prepared for each in mine])
    ended.labels("published", "").inc(len(mine))
    return held


def _flags(deps: IngestionDependencies, prepared: _Prepared) -> list[str]:
    """What a reader of a passage should know; of an old document only where its source says so."""
    warned = deps.data.source(prepared.work.source).freshness.action == "warn"
    return sorted(rules_for_readers(f.rule for f in prepared.findings if not (warned and f.rule == "stale")))


async def _record_published(
    deps: IngestionDependencies, connection: AsyncConnection, tenant_id: UUID, documents: Sequence[_Prepared]
) -> None:
    now = deps.clock.now()
    for work in (document.work for document in documents if document.work.version > 1):
        here = {"document": work.document_id, "version": work.version}
        await rows.run(connection, rows.SUPERSEDE_OLDER, published="published", now=now, **here)
        await rows.run(connection, rows.DROP_BANDS, document=work.document_id)
        await rows.run(connection, rows.DROP_BLOBS, document=work.document_id, tenant=work.tenant_id)
    await rows.publish(connection, tenant_id, now, [_record(document) for document in documents])


def _record(prepared: _Prepared) -> dict[str, Any]:
    return {
        "id": prepared.work.document_id,
        "version": prepared.work.version,
        "kind": prepared.parsed.kind,
        "title": prepared.title,
        "groups": prepared.work.access_groups,
        "language": prepared.language,
        "characters": len(prepared.parsed.text),
        "metadata": dict(prepared.metadata),
        "findings": [finding.as_dict() for finding in prepared.findings],
        "signature": prepared.signed,
        "bands": bands(prepared.signed) if prepared.signed else [],
    }


async def _hold(
    deps: IngestionDependencies,
    work: ProcessingAttempt,
    held: QuarantineReason,
    findings: tuple[Finding, ...],
    parsed: ParsedDocument | None = None,
) -> ProcessingResult:
    """A refusal: the version waits for a person, with its original bytes and the reason; the old one still serves."""
    now = deps.clock.now()
    async with deps.database.transaction(work.tenant_id) as connection:
        if not await rows.still_mine(connection, [work]):
            return SUPERSEDED
        await rows.run(
            connection,
            rows.HOLD_VERSION,
            document=work.document_id,
            version=work.version,
            now=now,
            kind=parsed.kind if parsed else None,
            characters=len(parsed.text) if parsed else None,
            findings=rows.as_json(findings),
        )
        await rows.hold(connection, work.tenant_id, work.document_id, work.version, held, findings, now)
    ended.labels("quarantined", held.code).inc()
    return ProcessingResult("quarantined", held)


async def give_up(deps: IngestionDependencies, tenant_id: UUID, document_id: UUID, version: int, why: str) -> None:
    """The dead letter of a job that failed in every attempt: an entry that a person can replay by releasing it."""
    detail = f"Processing failed in every attempt: {why[:300]}"
    for work in await rows.take_up(deps.database, tenant_id, {document_id: version}):
        await _hold(deps, work, reason("processing_failed", detail), ())
