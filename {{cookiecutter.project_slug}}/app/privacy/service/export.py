"""Everything that belongs to a request, as JSON, for the person who asks what is stored about them."""

import base64
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from uuid import UUID

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.json_types import JsonObject, JsonValue
from app.core.reasons import check_reason
from app.encryption.service import TenantKeys
from app.ingestion.service.dependencies import ORIGINAL
from app.privacy.domain.catalogue import CATALOGUE
from app.privacy.domain.requests import ErasureScope, PrivacyRequest, Selection
from app.privacy.domain.stores import Store
from app.privacy.repository import matching, receipts, stored_files
from app.privacy.service.erasure import Erasure


@dataclass(frozen=True)
class Export:
    erasure: Erasure
    keys: TenantKeys

    async def export(self, tenant_id: UUID, selection: Selection, actor: str, reason: str) -> AsyncIterator[bytes]:
        """A line of JSON for each row and each original file; the last one is the receipt.

        The request and its line in the audit log are stored before the first row is read. It stays `running` when the
        export is not read to its end. Errors: PrivacyContentNotFound, KeyNotFound, SubjectTooShort, ReasonRequired.
        """
        why = check_reason(reason)
        scope = await self.erasure.search.scope_of(tenant_id, selection)
        request = await self.erasure.new_request("export", tenant_id, selection, scope, actor, why)
        # Without the text of the subject: an export is not repeated after a restore.
        await self.erasure.receive(replace(request, sealed=None))
        counters: dict[str, int] = {}
        async with self.erasure.database.read(tenant_id) as connection:
            for store in CATALOGUE.searched:
                for row in await matching.find_rows(connection, store, matching.parameters(tenant_id, scope)):
                    counters[store.table] = counters.get(store.table, 0) + 1
                    yield orjson.dumps({"store": store.table, **_shown(store, row)}) + b"\n"
            async for line in self._files(connection, tenant_id, scope):
                counters["files"] = counters.get("files", 0) + 1
                yield line
        yield orjson.dumps({"receipt": await self._finish(request, counters)}) + b"\n"

    async def _files(self, connection: AsyncConnection, tenant_id: UUID, scope: ErasureScope) -> AsyncIterator[bytes]:
        for document in scope.documents:
            for _, sealed in await stored_files.files_of(connection, document):
                content = await self.keys.open(connection, tenant_id, ORIGINAL, sealed)
                encoded = base64.b64encode(content).decode()
                yield orjson.dumps({"store": "files", "document": str(document), "base64": encoded}) + b"\n"

    async def _finish(self, request: PrivacyRequest, counters: Mapping[str, int]) -> JsonObject:
        """The receipt."""
        ended = {"counters": dict(counters), "state": "done", "ended_at": self.erasure.clock.now()}
        async with self.erasure.database.transaction(request.tenant_id) as connection:
            await receipts.change(connection, request.id, **ended)
        return {"id": str(request.id), "requested_at": request.requested_at.isoformat(), "counters": dict(counters)}


def _shown(store: Store, row: Mapping[str, object]) -> JsonObject:
    forms = {name: column.form for name, column in store.contents.items() if column.form != "opaque"}
    return {"key": str(row["row_key"]), **{name: _value(row[name]) for name in forms}}


def _value(value: object) -> JsonValue:
    if isinstance(value, bytes | memoryview):
        return bytes(value).decode(errors="replace")
    return value  # type: ignore[return-value]  # text, lists and JSON as the driver gives them
