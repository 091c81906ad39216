"""Every unique and foreign key of a tenant's table holds the tenant (docs/decisions/0025).

Nothing is blocked for long: indexes are built concurrently, constraints take over a finished index, foreign keys are
added unchecked and validated afterwards. In a database with tenants each step is a transaction of its own; after a
failure the migration is run again and goes on where it was.
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

from alembic import op

revision = "0022"
down_revision = "0021"

PRIMARY = {
    "actions": "id",
    "action_runs": "nonce",
    "answers": "id",
    "answer_failures": "id",
    "chunks": "id",
    "documents": "id",
    "document_versions": "document_id, version",
    "feedback": "id",
    "indexed_documents": "document_id",
    "ledger": "id",
    "legal_holds": "id",
    "privacy_requests": "id",
    "quarantine": "id",
    "review_decisions": "id",
    "review_items": "id",
    "reviewed_answers": "answer_id",
    "ticket_notes": "id",
    "tickets": "id",
}
# Found before the tenant is known, or by a search that must not choose the tenant as its way in.
PRIMARY_FOUND_BY_ID = {
    "api_keys": "id",
    "chunk_terms": "chunk_id",
    "chunk_vectors": "chunk_id",
    "console_sessions": "digest",
    "identities": "id",
}
UNIQUE = (
    ("actions", "nonce"),
    ("action_runs", "action_id"),
    ("feedback", "answer_id, key_id"),
    ("review_decisions", "item_id, fence"),
    ("review_decisions", "item_id, idempotency_key"),
    ("review_items", "subject_id, kind"),
    ("ticket_notes", "action_id"),
)
PARTIAL = {
    "uq_document_versions_published": ("document_versions", "document_id", "status = 'published'"),
    "uq_quarantine_open": ("quarantine", "document_id, version", "decision is null"),
}
# By the name of the constraint without the tenant: table, columns, referenced table and columns.
FOREIGN = {
    "fk_action_runs_action_id": ("action_runs", "action_id", "actions", "id"),
    "fk_console_sessions_identity_id": ("console_sessions", "identity_id", "identities", "id"),
    "fk_document_bands_document": ("document_bands", "document_id", "documents", "id"),
    "fk_document_versions_document": ("document_versions", "document_id", "documents", "id"),
    "fk_feedback_answer_id": ("feedback", "answer_id", "answers", "id"),
    "fk_quarantine_version": ("quarantine", "document_id, version", "document_versions", "document_id, version"),
    "fk_review_decisions_item_id": ("review_decisions", "item_id", "review_items", "id"),
    "fk_reviewed_answers_answer_id": ("reviewed_answers", "answer_id", "answers", "id"),
    "fk_ticket_notes_ticket_id": ("ticket_notes", "ticket_id", "tickets", "id"),
}
# Processes of the version before name these keys in `on conflict`. The next migration of these tables drops them.
PREVIOUS = {
    "feedback": "(answer_id, key_id)",
    "identities": "(id)",
    "indexed_documents": "(document_id)",
    "quarantine": "(document_id, version) where decision is null",
    "review_items": "(subject_id, kind)",
}
# The same columns as a new primary key.
REDUNDANT = {
    "ix_actions_by_time": "actions (tenant_id, id)",
    "ix_indexed_documents_tenant_id": "indexed_documents (tenant_id, document_id)",
}
# The search must look for words first: with the tenant in a key of `chunk_terms`, that key would be another way in.
SEARCH = {
    """select * from chunk_terms
                where keys && wanted and tenant_id = tenant""": """select * from (
                    select * from chunk_terms where keys && wanted offset 0
                ) matching
                where tenant_id = tenant""",
    """from chunk_terms t join chunk_vectors v on v.chunk_id = t.chunk_id
            where t.keys && wanted and t.tenant_id = tenant""": """from (
                select * from chunk_terms where keys && wanted offset 0
            ) t join chunk_vectors v on v.chunk_id = t.chunk_id
            where t.tenant_id = tenant""",
}
COLUMNS = """
select string_agg(a.attname, ', ' order by k.place) from pg_index i
cross join unnest(i.indkey) with ordinality k (number, place)
join pg_attribute a on a.attrelid = i.indrelid and a.attnum = k.number
where i.indexrelid = to_regclass('public.{name}') and i.indisvalid
"""


@dataclass(frozen=True)
class Key:
    """A key to make, beside the one whose place it takes."""

    table: str
    kind: str
    columns: str
    name: str
    old_name: str
    where: str = ""

    @property
    def built_as(self) -> str:
        return f"new_{self.name}"

    @property
    def takes_over(self) -> str:
        if self.kind == "index":
            return f"drop index {self.old_name}; alter index {self.built_as} rename to {self.name}"
        added = f"add constraint {self.name} {self.kind} using index {self.built_as}"
        return f"alter table {self.table} drop constraint {self.old_name}, {added}"


def upgrade() -> None:
    with _step_by_step() as concurrently:
        _replace_search(SEARCH)
        keys = _build(_keys(with_tenant=True), concurrently)
        if concurrently:
            for table, columns in PREVIOUS.items():
                _build_index(f"sx_previous_{table}", f"{table} {columns}", "unique", concurrently)
        _refer(with_tenant=True)
        _take_over(keys)
        for name in REDUNDANT:
            op.execute(f"drop index {concurrently} if exists {name}")


def downgrade() -> None:
    with _step_by_step() as concurrently:
        _replace_search({new: old for old, new in SEARCH.items()})
        for table in PREVIOUS:
            op.execute(f"drop index {concurrently} if exists sx_previous_{table}")
        for name, columns in REDUNDANT.items():
            _build_index(name, columns, "", concurrently)
        keys = _build(_keys(with_tenant=False), concurrently)
        _refer(with_tenant=False)
        _take_over(keys)


@contextmanager
def _step_by_step() -> Iterator[str]:
    """`concurrently` in a database with tenants; empty in a new one, where one transaction does it all."""
    in_use = _scalar("select exists (select from tenants)")
    with op.get_context().autocommit_block() if in_use else nullcontext():
        yield "concurrently" if in_use else ""


def _keys(with_tenant: bool) -> Iterator[Key]:
    def held(columns: str, id_first: bool = False) -> str:
        if not with_tenant:
            return columns
        return f"{columns}, tenant_id" if id_first else f"tenant_id, {columns}"

    for primary, id_first in ((PRIMARY, False), (PRIMARY_FOUND_BY_ID, True)):
        for table, columns in primary.items():
            yield Key(table, "primary key", held(columns, id_first), f"pk_{table}", f"pk_{table}")
    for table, columns in UNIQUE:
        names = [_name("uq", table, columns), _name("uq", table, f"tenant_id, {columns}")]
        old_name, name = names if with_tenant else reversed(names)
        yield Key(table, "unique", held(columns), name, old_name)
    for name, (table, columns, where) in PARTIAL.items():
        yield Key(table, "index", held(columns), name, name, where)


def _name(kind: str, table: str, columns: str) -> str:
    return f"{kind}_{table}_{columns.replace(', ', '_')}"


def _build(keys: Iterator[Key], concurrently: str) -> list[Key]:
    """Build the index of each key that has not taken over yet."""
    missing = [key for key in keys if _scalar(COLUMNS.format(name=key.name)) != key.columns]
    for key in missing:
        where = f" where {key.where}" if key.where else ""
        _build_index(key.built_as, f"{key.table} ({key.columns}){where}", "unique", concurrently)
    return missing


def _build_index(name: str, columns: str, unique: str, concurrently: str) -> None:
    if _scalar(COLUMNS.format(name=name)):
        return
    # A build that was interrupted leaves an invalid index. Waiting for older transactions blocks nobody.
    patience = _scalar("show lock_timeout")
    op.execute("set lock_timeout = 0")
    op.execute(f"drop index {concurrently} if exists {name}")
    op.execute(f"create {unique} index {concurrently} {name} on {columns}")
    op.execute(f"set lock_timeout = '{patience}'")


def _refer(with_tenant: bool) -> None:
    """Replace the foreign keys. Until the end, the owner sees every row: forced row-level security would hide from the
    validation what it is to check.
    """
    tables = sorted({table for child, _, parent, _ in FOREIGN.values() for table in (child, parent)})
    for table in tables:
        op.execute(f"drop policy if exists validation_reads on {table}")
        op.execute(f"create policy validation_reads on {table} for select to current_user using (true)")
    for plain, (child, columns, parent, keys) in FOREIGN.items():
        names = [plain, _name("fk", child, f"tenant_id, {columns}")]
        old_name, name = names if with_tenant else reversed(names)
        tenant = "tenant_id, " if with_tenant else ""
        if not _scalar(f"select exists (select from pg_constraint where conname = '{name}')"):
            reference = f"foreign key ({tenant}{columns}) references {parent} ({tenant}{keys})"
            op.execute(f"alter table {child} add constraint {name} {reference} not valid")
        op.execute(f"alter table {child} validate constraint {name}")
        op.execute(f"alter table {child} drop constraint if exists {old_name}")
    for table in tables:
        op.execute(f"drop policy validation_reads on {table}")


def _replace_search(parts: dict[str, str]) -> None:
    body = _scalar("select pg_get_functiondef('retrieval_search'::regproc)")
    for part, other in parts.items():
        if part not in body and other not in body:
            raise RuntimeError(f"retrieval_search has another text than this migration knows: {part}")
        body = body.replace(part, other)
    op.get_bind().exec_driver_sql(body.replace("%", "%%"))


def _take_over(keys: list[Key]) -> None:
    for key in keys:
        op.execute(key.takes_over)


def _scalar(query: str) -> Any:
    return op.get_bind().exec_driver_sql(query).scalar()
