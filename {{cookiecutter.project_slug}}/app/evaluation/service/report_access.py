"""Reports as a caller may see them: a case's texts are as restricted as the documents that its answers quote."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from app.core.access import may_read
from app.core.database import Database
from app.evaluation import repository
from app.evaluation.domain.report import Report, withhold
from app.evaluation.domain.runs import DocumentsByCase, EvaluationNotFound
from app.evaluation.service.case_runner import CaseResult
from app.evaluation.service.suite_files import SuiteFiles
from app.identity.domain import Principal, TenantNotFound
from app.identity.service import Identity


@dataclass(frozen=True)
class ReportAccess:
    """Stored reports, whole or without what a caller may not read."""

    database: Database
    identity: Identity
    suites: SuiteFiles

    async def canonical(self, digest: str) -> bytes:
        """Byte for byte as it was stored. Errors: EvaluationNotFound."""
        return (await self._find(digest))[0]

    async def visible_to(self, caller: Principal, digest: str) -> Report:
        """Without the texts of cases whose documents the caller may not read now; a note says how many.

        Documents of the evaluation's own tenants are checked by the caller's groups. Documents of any other tenant are
        visible to callers of that tenant only. Errors: EvaluationNotFound.
        """
        content, documents = await self._find(digest)
        report = Report.read(content)
        case_ids = [case.case_id for case in report.worsened]
        return withhold(report, [name for name in case_ids if not await self._may_read(caller, documents.get(name))])

    async def _find(self, digest: str) -> tuple[bytes, DocumentsByCase]:
        async with self.database.read(None) as connection:
            stored = await repository.find_report(connection, digest)
        if stored is None:
            raise EvaluationNotFound(f"There is no report {digest[:12]}.")
        return stored

    async def _may_read(self, caller: Principal, documents: Mapping[str, Sequence[str]] | None) -> bool:
        """documents: by tenant name; None for reports that were stored before documents were recorded."""
        if documents is None:
            return False
        evaluation_tenants = {folder.tenant for folder in self.suites.corpus().folders}
        for name, document_ids in documents.items():
            try:
                tenant_id = await self.identity.tenant(name)
            except TenantNotFound:
                return False
            if name not in evaluation_tenants and tenant_id != caller.tenant_id:
                return False
            async with self.database.read(tenant_id) as connection:
                if not await may_read(connection, caller.groups, [UUID(each) for each in document_ids]):
                    return False
        return True


def documents_by_case(*sides: Mapping[str, CaseResult] | None) -> DocumentsByCase:
    """The documents that the answers of each case may quote, over both sides."""
    documents: dict[str, dict[str, list[str]]] = {}
    for side in sides:
        for case_id, (case, observation) in (side or {}).items():
            recorded = documents.setdefault(case_id, {}).setdefault(case.tenant, [])
            recorded += [each for each in observation.documents if each not in recorded]
    return documents


def documents_by_tenant(documents: DocumentsByCase) -> dict[str, set[str]]:
    """The documents of all cases together, by the name of their tenant."""
    together: dict[str, set[str]] = {}
    for of_case in documents.values():
        for tenant, ids in of_case.items():
            together.setdefault(tenant, set()).update(ids)
    return together
