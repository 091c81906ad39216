"""What a backup says of itself, and how a restored database differs from it."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Self

from pydantic import ValidationError

from app.core.base_models import ExactModel
from app.core.errors import StartRefused

FORMAT = 1
MANIFEST = "manifest.json"
DUMP = "database.dump"
UNLOGGED = frozenset({"rate_limits"})
"""Tables that the database empties after a crash or a hard stop; nothing in them is worth keeping."""


class TableContent(ExactModel):
    """digest: a sum over the hashes of all rows, whatever their order."""

    rows: int
    digest: str


class DatabaseFacts(ExactModel):
    """What a database holds at one moment. newest: the time of the newest row of each kind, where there is one."""

    revision: str
    server: int
    tables: Mapping[str, TableContent]
    audit_sequence: int
    audit_hash: str
    micro_usd: int
    newest: Mapping[str, datetime]
    master_keys: tuple[str, ...]

    @property
    def rows(self) -> int:
        return sum(table.rows for table in self.tables.values())


class BackupManifest(ExactModel):
    """Written last: a folder without it is no whole backup. bytes, digest: of the dump."""

    format: int
    created_at: datetime
    service_version: str
    bytes: int
    digest: str
    facts: DatabaseFacts

    @classmethod
    def parse(cls, text: str, where: str) -> Self:
        """Errors: StartRefused."""
        try:
            manifest = cls.model_validate_json(text)
        except ValidationError as error:
            raise StartRefused(f"{where} is no manifest of a backup that this code can read.") from error
        if manifest.format != FORMAT:
            raise StartRefused(f"{where} has format {manifest.format}, this code reads {FORMAT}.")
        return manifest


def differences(backup: DatabaseFacts, restored: DatabaseFacts) -> Iterator[str]:
    """What is not as it was, each as a clause; nothing when both hold the same."""
    if backup.revision != restored.revision:
        yield f"the schema is at {restored.revision} instead of {backup.revision}"
    for name in sorted((backup.tables.keys() | restored.tables.keys()) - UNLOGGED):
        before, after = backup.tables.get(name), restored.tables.get(name)
        if before is None or after is None:
            yield f"the table {name} is {'missing' if before else 'new'}"
        elif before.rows != after.rows:
            yield f"{name} has {after.rows:,} rows instead of {before.rows:,}"
        elif before.digest != after.digest:
            yield f"{name} has other content"
    if backup.micro_usd != restored.micro_usd:
        yield f"the ledger adds up to {restored.micro_usd:,} micro-dollars instead of {backup.micro_usd:,}"
    if backup.audit_sequence == restored.audit_sequence and backup.audit_hash != restored.audit_hash:
        yield f"line {backup.audit_sequence} of the audit log has another hash"
    if backup.audit_sequence != restored.audit_sequence:
        yield f"the audit log ends at line {restored.audit_sequence} instead of {backup.audit_sequence}"


def digest_of_chunks(chunks: Iterator[bytes]) -> tuple[str, int]:
    """SHA-256 and the number of bytes."""
    running, size = sha256(), 0
    for chunk in chunks:
        running.update(chunk)
        size += len(chunk)
    return running.hexdigest(), size
