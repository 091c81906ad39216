"""Turning a version into something served, or into a quarantine entry. May die at any line and be run again."""

import asyncio
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.telemetry import span
from app.ingestion import repository as rows
from app.ingestion.domain.documents import Outcome, Work
from app.ingestion.domain.parsed import ParsedDocument, Unparsable
from app.ingestion.domain.quality import Candidate, judge
from app.ingestion.domain.reasons import Reason, reason
from app.ingestion.domain.similarity import Signature, bands, resemblance, signature
from app.ingestion.service.parts import Parts, ended, step_seconds
from app.retrieval.domain import PublishRequest
from app.safety.domain.text import Finding

_REPAIRABLE = "encoding_damage"
_NOT_ABOUT_CONTENT = frozenset({"furniture", "not_utf8", "encoding_not_utf8"})
# Judging a page takes a millisecond, less than another thread is worth; a book, or telling a language, takes long.
_QUICKLY_JUDGED = 10_000
NOTHING_TO_DO = Outcome("superseded")


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A version that passed every gate, with what will be known about it."""

    work: Work
    parsed: ParsedDocument
    title: str
    metadata: Mapping[str, str]
    language: str | None
    findings: tuple[Finding, ...]
    signed: Signature | None


async def process(parts: Parts, tenant_id: UUID, document_id: UUID, version: int) -> Outcome:
    work = await rows.take_up(parts.database, tenant_id, document_id, version)
    if work is None:
        return NOTHING_TO_DO
    try:
        with _step("parse"):
            parsed = await parts.parser.parse(work.data, work.name, repair=_REPAIRABLE in work.released)
    except Unparsable as error:
        return await _hold(parts, work, reason(error.code, error.detail), ())
    with _step("judge"):
        if len(parsed.text) < _QUICKLY_JUDGED and not parts.data.source(work.source).languages:
            refused, prepared = _judged(parts, work, parsed)
        else:
            refused, prepared = await asyncio.to_thread(_judged, parts, work, parsed)
    if refused is None:
        with _step("compare"):
            refused, prepared = await _compared(parts, prepared)
    if refused is not None:
        return await _hold(parts, work, refused, prepared.findings, parsed)
    return await _publish(parts, prepared)


@contextmanager
def _step(name: str) -> Iterator[None]:
    started = time.perf_counter()
    with span(f"ingest {name}"):
        yield
    step_seconds.labels(name).observe(time.perf_counter() - started)


def _judged(parts: Parts, work: Work, parsed: ParsedDocument) -> tuple[Reason | None, _Prepared]:
    rules = parts.data.source(work.source)
    metadata = {**parsed.metadata, **work.metadata}
    title = work.metadata.get("title") or parsed.title
    language = parts.languages.guess(parsed.text) if rules.languages else metadata.get("language") or None
    candidate = Candidate(
        parsed=parsed,
        rules=rules,
        metadata={"title": title, **metadata},
        language=language,
        now=parts.clock.now(),
        source=work.source,
        source_known=parts.data.knows(work.source),
    )
    judgement = judge(candidate, work.released, parts.security.document_action)
    signed = signature(parsed.text) if judgement.refused is None and rules.duplicates.near != "allow" else None
    return judgement.refused, _Prepared(work, parsed, title, metadata, language, judgement.findings, signed)


async def _compared(parts: Parts, prepared: _Prepared) -> tuple[Reason | None, _Prepared]:
    """Looks for a served document of the same source and readers that says nearly the same."""
    work, rules = prepared.work, parts.data.source(prepared.work.source).duplicates
    if prepared.signed is None:
        return None, prepared
    similar = await rows.similar(parts.database, work, bands(prepared.signed))
    best = max(((resemblance(prepared.signed, signed), twin) for twin, signed in similar), default=None)
    if best is None or best[0] < rules.near_threshold:
        return None, prepared
    detail = f"About {best[0]:.0%} of the text is already served by another document."
    if rules.near == "quarantine" and "near_duplicate" not in work.released:
        return reason("near_duplicate", detail, str(best[1])), prepared
    return None, _with_finding(prepared, Finding("near_duplicate", detail))


def _with_finding(p: _Prepared, finding: Finding) -> _Prepared:
    return _Prepared(p.work, p.parsed, p.title, p.metadata, p.language, (*p.findings, finding), p.signed)


async def _publish(parts: Parts, prepared: _Prepared) -> Outcome:
    """Chunks and vectors are made first; then one transaction in which old chunks go and new ones appear."""
    work = prepared.work
    with _step("prepare"):
        ready = await parts.retrieval.prepare(
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
                flags=_flags(parts, prepared),
            )
        )
    with _step("publish"):
        async with parts.database.transaction(work.tenant_id) as connection:
            if not await rows.still_mine(connection, work):
                return NOTHING_TO_DO
            await parts.retrieval.publish(connection, ready)
            await _record_published(parts, connection, prepared)
    ended.labels("published", "").inc()
    return Outcome("published")


def _flags(parts: Parts, prepared: _Prepared) -> list[str]:
    """What a reader of a passage should know; of an old document only where its source says so."""
    warned = parts.data.source(prepared.work.source).freshness.action == "warn"
    return sorted({f.rule for f in prepared.findings if not (warned and f.rule == "stale")} - _NOT_ABOUT_CONTENT)


async def _record_published(parts: Parts, connection: AsyncConnection, prepared: _Prepared) -> None:
    work, now = prepared.work, parts.clock.now()
    if work.version > 1:
        here = {"document": work.document_id, "version": work.version}
        await rows.run(connection, rows.SUPERSEDE_OLDER, published="published", now=now, **here)
        await rows.run(connection, rows.DROP_BANDS, document=work.document_id)
        await rows.run(connection, rows.DROP_BLOBS, document=work.document_id, tenant=work.tenant_id)
    await rows.publish(
        connection,
        tenant=work.tenant_id,
        document=work.document_id,
        version=work.version,
        now=now,
        kind=prepared.parsed.kind,
        title=prepared.title,
        groups=list(work.access_groups),
        language=prepared.language,
        characters=len(prepared.parsed.text),
        metadata=rows.as_json(prepared.metadata),
        findings=rows.as_json(prepared.findings),
        signature=list(prepared.signed) if prepared.signed else None,
        bands=bands(prepared.signed) if prepared.signed else [],
    )


async def _hold(
    parts: Parts,
    work: Work,
    held: Reason,
    findings: tuple[Finding, ...],
    parsed: ParsedDocument | None = None,
) -> Outcome:
    """A refusal: the version waits for a person, with its original bytes and the reason; the old one still serves."""
    now = parts.clock.now()
    async with parts.database.transaction(work.tenant_id) as connection:
        if not await rows.still_mine(connection, work):
            return NOTHING_TO_DO
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
    return Outcome("quarantined", held)


async def give_up(parts: Parts, tenant_id: UUID, document_id: UUID, version: int, why: str) -> None:
    """The dead letter of a job that failed in every attempt: an entry that a person can replay by releasing it."""
    work = await rows.take_up(parts.database, tenant_id, document_id, version)
    if work is not None:
        detail = f"Processing failed in every attempt: {why[:300]}"
        await _hold(parts, work, reason("processing_failed", detail), ())
