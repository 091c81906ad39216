"""Finds everything that belongs to a request: first the documents, keys, answers and actions, then their rows."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.database import Database
from app.encryption.service import TenantKeys
from app.identity.domain import ApiKey, KeyNotFound
from app.identity.service import Identity
from app.ingestion.service import Ingestion
from app.ingestion.service.dependencies import ORIGINAL
from app.privacy.domain.catalogue import CATALOGUE
from app.privacy.domain.requests import ErasureScope, PrivacyContentNotFound, Selection
from app.privacy.domain.stores import Person
from app.privacy.repository import erasing, matching, stored_files

_ENCODINGS = ("utf-8", "cp1252", "utf-16-le", "utf-16-be")
"""In which a file that nothing was parsed of is searched."""
_REMEMBERED = 10_000


@dataclass(frozen=True)
class ScopeSearch:
    database: Database
    identity: Identity
    keys: TenantKeys
    ingestion: Ingestion
    _searched: dict[bytes, bool] = field(default_factory=dict)
    """Whether a file holds a text, by a digest of both: an erasure searches several times, and a hostile file takes all
    the time that its parser has.
    """

    async def scope_of(self, tenant_id: UUID, selection: Selection) -> ErasureScope:
        """Errors: PrivacyContentNotFound, KeyNotFound, SubjectTooShort."""
        start = await self._start(tenant_id, selection)
        async with self.database.read(tenant_id) as connection:
            scope = await self.widen(connection, tenant_id, start)
            if selection.selector == "asker":
                scope = replace(scope, keys=(), names=())
            if (
                not scope.everything
                and not any(scope.ids.values())
                and not await self.rest(connection, tenant_id, scope)
            ):
                raise PrivacyContentNotFound(
                    f"Nothing of this tenant belongs to the {selection.selector} '{selection.value}'."
                )
        return scope

    async def rest(self, connection: AsyncConnection, tenant_id: UUID, scope: ErasureScope) -> dict[str, int]:
        """How many rows still hold the text, by store; those without any are left out."""
        if scope.pattern is None:
            return {}
        values = matching.parameters(tenant_id, scope)
        left = {store.table: await matching.count_mentions(connection, store, values) for store in CATALOGUE.searched}
        for store in CATALOGUE.searched:
            left[store.table] += await matching.count_mentions(connection, store, values, Person)
        left["procrastinate_jobs"] = await erasing.jobs_left(connection, values)
        left["audit_log"] = len(await stored_files.audit_lines(connection, CATALOGUE.by_table["audit_log"], values))
        return {table: count for table, count in left.items() if count}

    async def unerased(self, connection: AsyncConnection, tenant_id: UUID, scope: ErasureScope) -> dict[str, int]:
        """How many rows belong to the scope that an erasure deletes, or whose content it replaces, by store; those
        without any are left out.
        """
        values, left = matching.parameters(tenant_id, scope), {}
        for store in CATALOGUE.searched:
            if store.erasing == "delete":
                left[store.table] = await matching.count_rows(connection, store, values)
            elif store.erasing == "change":
                left[store.table] = await matching.count_unchanged(connection, store, values)
        left["procrastinate_jobs"] = await erasing.count_jobs(connection, values)
        return {table: count for table, count in left.items() if count}

    async def _start(self, tenant_id: UUID, selection: Selection) -> ErasureScope:
        match selection.selector:
            case "tenant":
                return ErasureScope(everything=True)
            case "document":
                return ErasureScope(documents=(_id(selection),))
            case "conversation":
                return ErasureScope(units=(f"{tenant_id}:{selection.value}",))
            case "asker" | "key":
                keys = await self._keys(tenant_id, selection)
                return ErasureScope(keys=tuple(each.id for each in keys))
            case _:
                return ErasureScope(pattern=selection.pattern)

    async def keys_of_asker(self, tenant_id: UUID, name: str) -> tuple[UUID, ...]:
        """The keys of this name; none when there are none any more."""
        return tuple(each.id for each in await self.identity.list_keys(tenant_id) if each.name == name)

    async def _keys(self, tenant_id: UUID, selection: Selection) -> Sequence[ApiKey]:
        """Errors: KeyNotFound."""
        field = "name" if selection.selector == "asker" else "prefix"
        wanted = selection.value.removeprefix("sk_") if field == "prefix" else selection.value
        if found := [each for each in await self.identity.list_keys(tenant_id) if getattr(each, field) == wanted]:
            return found
        raise KeyNotFound(f"This tenant has no key with the {field} '{selection.value}'.")

    async def widen(self, connection: AsyncConnection, tenant_id: UUID, scope: ErasureScope) -> ErasureScope:
        """With what was derived: the attachments from messages, the answers from documents, the actions from answers.
        The file of a message holds those of its attachments: what is in one of them is in all of these documents.
        """
        values = matching.parameters(tenant_id, scope)
        documents = await stored_files.known(connection, values)
        if scope.pattern:
            documents |= await matching.find_documents(connection, CATALOGUE.stores, values)
            documents |= await self._unread_files(connection, tenant_id, scope.pattern)
        values["documents"] = sorted(documents)
        documents |= await stored_files.families(connection, values)
        values["documents"] = sorted(documents)
        keys = await matching.find_keys(connection, values)
        values["keys"] = list(keys)
        answers = values["answers"] = sorted(await matching.find_answers(connection, CATALOGUE.by_table, values))
        actions = values["actions"] = sorted(await matching.find_actions(connection, CATALOGUE.by_table, values))
        tickets = await matching.find_tickets(connection, CATALOGUE.by_table["tickets"], values)
        return replace(scope.with_found(documents, answers, actions, tickets, keys), names=tuple(keys.values()))

    async def _unread_files(self, connection: AsyncConnection, tenant_id: UUID, pattern: str) -> set[UUID]:
        """Documents whose newest version is not published and whose file holds the text, in its bytes or once it is
        parsed: nothing that was parsed of it is stored, and it may be published later.
        """
        wanted = re.compile(pattern, re.IGNORECASE)
        found = set()
        for document in await stored_files.unread(connection):
            for name, sealed in await stored_files.files_of(connection, document):
                data = await self.keys.open(connection, tenant_id, ORIGINAL, sealed)
                if await self._holds(data, name, wanted):
                    found.add(document)
        return found

    async def _holds(self, data: bytes, name: str, wanted: re.Pattern[str]) -> bool:
        both = sha256("\0".join([sha256(data).hexdigest(), name, wanted.pattern]).encode()).digest()
        if both not in self._searched:
            as_it_stands = any(wanted.search(data.decode(encoding, "replace")) for encoding in _ENCODINGS)
            holds = as_it_stands or bool(wanted.search(await self.ingestion.text_of_file(data, name)))
            if len(self._searched) >= _REMEMBERED:
                self._searched.clear()
            self._searched[both] = holds
        return self._searched[both]


def _id(selection: Selection) -> UUID:
    """Errors: PrivacyContentNotFound."""
    try:
        return UUID(selection.value)
    except ValueError as error:
        raise PrivacyContentNotFound(f"'{selection.value}' is not the id of a {selection.selector}.") from error
