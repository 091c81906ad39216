"""Rows as the service stores them, written directly: months of traffic in a moment."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import psycopg
from psycopg.types.json import Jsonb

from app.core.embedded import Urls

QUESTION = "When was the lighthouse of Karlen built?"


@dataclass
class PastAnswer:
    """An answer of production, by default a good one of now."""

    tenant: UUID
    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    id: UUID = field(default_factory=uuid4)
    question: str = QUESTION
    status: str = "answered"
    model: str = "extractive"
    release: str = "0" * 64
    unit: str = "a conversation"
    environment: str = "production"
    degraded: bool = False
    groundedness: float | None = 1.0
    total_ms: float = 100.0
    micro_usd: int = 1000
    documents: Sequence[UUID] = ()
    cited: Sequence[UUID] = ()

    @property
    def row(self) -> tuple[object, ...]:
        body = {
            "text": "In 1874.",
            "findings": [],
            "citations": [{"document_id": str(each)} for each in self.cited],
            "degraded": self.degraded,
            "groundedness": self.groundedness,
            "timings_ms": {"total": self.total_ms},
            "cost_micro_usd": self.micro_usd,
        }
        asked = (self.id, self.tenant, self.at, self.question, self.status, self.model, self.release, "1" * 32)
        return (*asked, Jsonb(body), self.environment, self.unit, list(self.documents))


def store(urls: Urls, answers: Sequence[PastAnswer]) -> None:
    with psycopg.connect(urls.owner) as connection, connection.cursor() as cursor:
        cursor.executemany(
            "insert into answers (id, tenant_id, created_at, question, status, model, release_id, trace_id, body, "
            "environment, unit, documents, corpus_version, arm, conditions) "
            "values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, 1, 'live', '{}')",
            [answer.row for answer in answers],
        )


@dataclass
class PastVersion:
    """A first version of a document that was received at a time, by default published then for everybody."""

    tenant: UUID
    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    id: UUID = field(default_factory=uuid4)
    source: str = "prices"
    status: str = "published"
    quarantined: str = ""
    copy_of: str = ""
    columns: Sequence[str] = ()
    groups: Sequence[str] = ()


def store_versions(urls: Urls, versions: Sequence[PastVersion]) -> None:
    """With a quarantine entry where it has a reason. No search finds their text."""
    with psycopg.connect(urls.owner) as connection, connection.cursor() as cursor:
        cursor.executemany(
            "insert into documents (tenant_id, id, source, uri, title, access_groups, version, live_version, "
            "created_at, updated_at) values (%s, %s, %s, %s, %s, %s, 1, %s, %s, %s)",
            [
                (each.tenant, each.id, each.source, f"{each.id}.csv", "A file", list(each.groups),
                 1 if each.status == "published" else None, each.at, each.at)
                for each in versions
            ],
        )  # fmt: skip
        cursor.executemany(
            "insert into document_versions (tenant_id, document_id, version, source, name, sha256, size, "
            "access_groups, metadata, status, attempt, released, copy_of, findings, received_at, received_by, columns) "
            "values (%s, %s, 1, %s, 'a.csv', %s, 1, %s, '{}', %s, 1, '{}', %s, '[]', %s, 'key', %s)",
            [
                (each.tenant, each.id, each.source, each.id.bytes, list(each.groups), each.status, each.copy_of,
                 each.at, list(each.columns))
                for each in versions
            ],
        )  # fmt: skip
        cursor.executemany(
            "insert into quarantine (tenant_id, id, document_id, version, reason, detail, findings, created_at) "
            "values (%s, %s, %s, 1, %s, '', '[]', %s)",
            [(each.tenant, uuid4(), each.id, each.quarantined, each.at) for each in versions if each.quarantined],
        )


def ago(**time: float) -> datetime:
    return datetime.now(UTC) - timedelta(**time)
