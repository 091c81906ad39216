"""The steps of an erasure, in the order of the catalogue: one for each store."""

import contextlib
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.core import audit
from app.core.audit import Line
from app.core.clock import Clock
from app.core.locks import SUITE_FILES, lock
from app.encryption.ports import KeyManagement
from app.encryption.service import TenantKeys
from app.evaluation.domain.report import Report, erase_texts
from app.evaluation.service import SuiteFiles
from app.identity.domain import ALL_ROLES, COMMAND_LINE, Principal
from app.ingestion.domain.documents import DocumentNotFound
from app.ingestion.service import Ingestion
from app.privacy.domain.catalogue import CATALOGUE
from app.privacy.domain.requests import ErasureScope, PrivacyRequest
from app.privacy.domain.stores import Store
from app.privacy.repository import erasing, matching, stored_files

ErasureStep = Callable[[AsyncConnection, PrivacyRequest, ErasureScope], Awaitable[int]]
NO_TEXT = "(?!)"


@dataclass(frozen=True)
class Steps:
    clock: Clock
    management: KeyManagement
    keys: TenantKeys
    ingestion: Ingestion
    suites: SuiteFiles

    @property
    def steps(self) -> Sequence[tuple[str, ErasureStep]]:
        """By the name of their store. A step joins the caller's transaction and may run again. The files come last: who
        writes a case into them holds the row that it comes from, and the steps before have waited for that.
        """
        apart: dict[str, ErasureStep] = {
            "review_decisions": self._decisions,
            "evaluation_reports": self._reports,
            "procrastinate_jobs": self._jobs,
            "audit_log": self._audit_lines,
            "tenant_keys": self._tenant_keys,
        }
        stores = [each for each in CATALOGUE.stores if each.erasing != "kept"]
        rows = [(each.table, apart.get(each.table, partial(self._rows, each))) for each in stores]
        return [*rows, ("evals", self._cases)]

    async def documents(self, request: PrivacyRequest, scope: ErasureScope) -> Sequence[UUID]:
        """Those that are withdrawn before the steps."""
        every = await self.ingestion.every_document(request.tenant_id) if scope.everything else []
        return [*scope.documents, *every]

    async def withdraw(self, request: PrivacyRequest, document: UUID) -> None:
        """Delete the document as its owner would: no search finds it, and the statistics stay right."""
        caller = Principal(request.tenant_id, COMMAND_LINE, request.requested_by, ALL_ROLES)
        with contextlib.suppress(DocumentNotFound):
            await self.ingestion.delete(caller, document)

    def _values(self, request: PrivacyRequest, scope: ErasureScope) -> dict[str, object]:
        pseudonym = f"erased-{self.management.pseudonym(request.subject)}"
        return {**matching.parameters(request.tenant_id, scope), "pseudonym": pseudonym}

    async def _rows(
        self, store: Store, connection: AsyncConnection, request: PrivacyRequest, scope: ErasureScope
    ) -> int:
        values = self._values(request, scope)
        erased = await erasing.erase_rows(connection, store, values)
        if erasing.is_person(store, scope):
            erased += await erasing.erase_people(connection, store, values)
        return erased

    async def _decisions(self, connection: AsyncConnection, request: PrivacyRequest, scope: ErasureScope) -> int:
        return await erasing.erase_decisions(
            connection, CATALOGUE.by_table["review_decisions"], self._values(request, scope)
        )

    async def _jobs(self, connection: AsyncConnection, request: PrivacyRequest, scope: ErasureScope) -> int:
        return await erasing.delete_jobs(connection, self._values(request, scope))

    async def _tenant_keys(self, connection: AsyncConnection, request: PrivacyRequest, scope: ErasureScope) -> int:
        return await self.keys.destroy(connection, request.tenant_id) if scope.everything else 0

    async def _reports(self, connection: AsyncConnection, request: PrivacyRequest, scope: ErasureScope) -> int:
        documents, wanted, erased = {str(each) for each in scope.documents}, _wanted(scope), 0
        for row in await erasing.find_reports(connection, self._values(request, scope)):
            of_documents = {
                case
                for case, tenants in row.sources.items()
                if documents & {each for ids in tenants.values() for each in ids}
            }
            before = Report.read(bytes(row.content))
            after = erase_texts(before, of_documents, lambda text: bool(wanted.search(text)))
            if after.canonical != bytes(row.content):
                await erasing.erase_report(connection, row.digest, after.canonical)
                erased += 1
        return erased

    async def _cases(self, connection: AsyncConnection, request: PrivacyRequest, scope: ErasureScope) -> int:
        """Cases in evals/ that were made of the answers, or that hold the text."""
        await lock(connection, SUITE_FILES)
        rows = await matching.find_rows(connection, CATALOGUE.by_table["review_items"], self._values(request, scope))
        made = {f"review-{row['row_key'].hex[-12:]}" for row in rows}
        made |= {f"failure-{answer.hex[-12:]}" for answer in scope.answers}
        return self.suites.remove(made, _wanted(scope))

    async def _audit_lines(self, connection: AsyncConnection, request: PrivacyRequest, scope: ErasureScope) -> int:
        lines = await stored_files.audit_lines(
            connection, CATALOGUE.by_table["audit_log"], self._values(request, scope)
        )
        for line in lines:
            left = self._left(line, scope)
            await audit.erase_text(connection, line, left, request.requested_by, self.clock.now())
        return len(lines)

    def _left(self, line: Line, scope: ErasureScope) -> Line:
        """The line with a keyed hash in place of each text that is erased."""
        wanted = _wanted(scope)

        def left(text: str, whole: bool = False) -> str:
            return f"erased-{self.management.pseudonym(text)}" if text and (whole or wanted.search(text)) else text

        return replace(
            line,
            actor=left(line.actor, line.actor in scope.names),
            subject=left(line.subject),
            before=left(line.before) if line.before else line.before,
            after=left(line.after) if line.after else line.after,
            reason=left(line.reason, scope.everything),
        )


def _wanted(scope: ErasureScope) -> re.Pattern[str]:
    return re.compile(scope.pattern or NO_TEXT, re.IGNORECASE)
