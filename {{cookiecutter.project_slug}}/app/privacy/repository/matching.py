"""Finds what belongs to a request: ids first, then the rows of each store."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.privacy.domain.requests import ErasureScope
from app.privacy.domain.stores import Content, Person, Store

_READ_AS = {
    "text": "{0}",
    "json": "{0}::text",
    "bytes": "convert_from({0}, 'UTF8')",
    "list": "array_to_string({0}, ' ')",
}
# A document whose newest version is not published is found by its name, its metadata and its findings.
_DOCUMENT_TABLES = ("documents", "document_versions", "indexed_documents", "chunks", "quarantine")
_IDS = {"documents": "id", "document_versions": "document_id", "indexed_documents": "document_id"}


def parameters(tenant_id: UUID, scope: ErasureScope) -> dict[str, Any]:
    return {
        "tenant": tenant_id,
        "everything": scope.everything,
        "pattern": scope.pattern,
        **{name: list(getattr(scope, name)) for name in ("documents", "answers", "actions", "tickets", "keys")},
        "names": list(scope.names),
        "units": list(scope.units),
    }


def mentions(store: Store, kind: type[Content] | type[Person] = Content) -> str:
    """The SQL condition that a column of the store holds the text of the pattern."""
    found = [
        f"{_READ_AS[column.form].format(name)} ~* cast(:pattern as text)"
        for name, column in store.columns.items()
        if isinstance(column, kind) and column.form in _READ_AS
    ]
    return f"(cast(:pattern as text) is not null and ({' or '.join(found) or 'false'}))"


def belongs(store: Store) -> str:
    """The SQL condition for the rows of a store that a request erases."""
    everything, tenant = "cast(:everything as boolean)", "id" if store.table == "tenants" else "tenant_id"
    return f"{tenant} = :tenant and ({everything} or {store.linked} or {mentions(store)})"


async def find_documents(connection: AsyncConnection, stores: Sequence[Store], values: dict[str, Any]) -> set[UUID]:
    """Documents that hold the text, in any version and any index."""
    found: set[UUID] = set()
    for store in stores:
        if store.table in _DOCUMENT_TABLES:
            column = _IDS.get(store.table, "document_id")
            query = f"select distinct {column} from {store.table} where tenant_id = :tenant and {mentions(store)}"  # noqa: S608
            found.update((await connection.execute(text(query), values)).scalars())
    return found


_KEYS = text(
    "select id, name from api_keys where tenant_id = :tenant and (cast(:everything as boolean) "
    "or id = any (cast(:keys as uuid[])) or (cast(:pattern as text) is not null and name ~* cast(:pattern as text)))"
)
_ANSWERS = """
    select id from answers where tenant_id = :tenant and (cast(:everything as boolean)
        or id = any (cast(:answers as uuid[])) or key_id = any (cast(:keys as uuid[]))
        or unit = any (cast(:units as text[])) or documents && cast(:documents as uuid[]) or {answers})
    union select r.answer_id from reviewed_answers r where r.tenant_id = :tenant and {reviewed}
    union select i.subject_id from review_items i where i.tenant_id = :tenant and i.kind <> 'action' and {items}
"""
_ACTIONS = """
    select id from actions where tenant_id = :tenant and (cast(:everything as boolean)
        or answer_id = any (cast(:answers as uuid[])) or id = any (cast(:actions as uuid[]))
        or key_id = any (cast(:keys as uuid[])) or documents && cast(:documents as uuid[]) or {actions})
    union select i.subject_id from review_items i where i.tenant_id = :tenant and i.kind = 'action' and {items}
    union select n.action_id from ticket_notes n where n.tenant_id = :tenant and {notes}
"""
_TICKETS = """
    select id from tickets where tenant_id = :tenant
      and (cast(:everything as boolean) or id = any (cast(:tickets as uuid[])) or {tickets})
"""


async def find_keys(connection: AsyncConnection, values: dict[str, Any]) -> dict[UUID, str]:
    """Keys by their ids, or by a name that holds the text."""
    return {row.id: row.name for row in await connection.execute(_KEYS, values)}


async def find_answers(connection: AsyncConnection, stores: Mapping[str, Store], values: dict[str, Any]) -> set[UUID]:
    """Answers that were asked with these keys, came from these documents, or hold the text in any of their rows."""
    parts = {"answers": "answers", "reviewed": "reviewed_answers", "items": "review_items"}
    query = _ANSWERS.format(**{name: mentions(stores[table]) for name, table in parts.items()})
    return set((await connection.execute(text(query), values)).scalars())


async def find_actions(connection: AsyncConnection, stores: Mapping[str, Store], values: dict[str, Any]) -> set[UUID]:
    parts = {"actions": "actions", "items": "review_items", "notes": "ticket_notes"}
    query = _ACTIONS.format(**{name: mentions(stores[table]) for name, table in parts.items()})
    return set((await connection.execute(text(query), values)).scalars())


async def find_tickets(connection: AsyncConnection, store: Store, values: dict[str, Any]) -> set[UUID]:
    query = _TICKETS.format(tickets=mentions(store))
    return set((await connection.execute(text(query), values)).scalars())


async def find_rows(connection: AsyncConnection, store: Store, values: dict[str, Any]) -> list[Any]:
    """The rows of a store that belong to the request, with their key, their content and their people."""
    names = [*store.contents, *store.people]
    columns = ", ".join([f"{store.key} as row_key", *(f'"{name}"' for name in names)])
    query = f"select {columns} from {store.table} where {belongs(store)} order by 1"  # noqa: S608
    return list((await connection.execute(text(query), values)).mappings())


async def count_mentions(
    connection: AsyncConnection, store: Store, values: dict[str, Any], kind: type[Content] | type[Person] = Content
) -> int:
    """How many rows of a store still hold the text."""
    tenant = "id" if store.table == "tenants" else "tenant_id"
    query = f"select count(*) from {store.table} where {tenant} = :tenant and {mentions(store, kind)}"  # noqa: S608
    return int((await connection.execute(text(query), values)).scalar_one())


async def count_unchanged(connection: AsyncConnection, store: Store, values: dict[str, Any]) -> int:
    """How many rows of a store whose rows stay belong to the request and still have their content."""
    left = " or ".join(f"{name} is distinct from ({to})" for name, to in store.replaced.items()) or "false"
    query = f"select count(*) from {store.table} where {belongs(store)} and ({left})"  # noqa: S608
    return int((await connection.execute(text(query), values)).scalar_one())


async def count_rows(connection: AsyncConnection, store: Store, values: dict[str, Any]) -> int:
    """How many rows of a store whose rows are deleted belong to the request."""
    query = f"select count(*) from {store.table} where {belongs(store)}"  # noqa: S608
    return int((await connection.execute(text(query), values)).scalar_one())
