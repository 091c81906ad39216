"""Reports as their reader may see them: what a case says is as closed as the documents that its answers came out of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from app.core.access import may_read
from app.core.database import Database
from app.evaluation import repository
from app.evaluation.domain.report import Report, withhold
from app.evaluation.domain.runs import EvaluationNotFound
from app.evaluation.service.case_runner import CaseResult
from app.evaluation.service.suite_files import SuiteFiles
from app.identity.domain import Principal, TenantNotFound
from app.identity.service import Identity


@dataclass(frozen=True)
class ReportAccess:
    """The canonical bytes of every report, and who may see which of its cases."""

    database: Database
    identity: Identity
    suites: SuiteFiles

    async def whole(self, digest: str) -> bytes:
        """Byte for byte as it was kept. Errors: EvaluationNotFound."""
        return (await self._find(digest))[0]

    async def seen_by(self, caller: Principal, digest: str) -> Report:
        """Without the texts of cases whose documents the caller may not read now; a note says of how many.

        Documents of the evaluation's own tenants are judged by the caller's groups; those of any other tenant are
        nobody else's. Errors: EvaluationNotFound.
        """
        content, sources = await self._find(digest)
        report = Report.read(content)
        names = [case.case_id for case in report.worsened]
        return withhold(report, [name for name in names if not await self._open(caller, sources.get(name))])

    async def _find(self, digest: str) -> tuple[bytes, Mapping[str, Any]]:
        async with self.database.read(None) as connection:
            found = await repository.report(connection, digest)
        if found is None:
            raise EvaluationNotFound(f"There is no report {digest[:12]}.")
        return found

    async def _open(self, caller: Principal, sources: Mapping[str, Sequence[str]] | None) -> bool:
        """What a case came out of is not known for reports that were kept before it was noted."""
        if sources is None:
            return False
        own = {folder.tenant for folder in self.suites.corpus().folders}
        for name, documents in sources.items():
            try:
                tenant_id = await self.identity.tenant(name)
            except TenantNotFound:
                return False
            if name not in own and tenant_id != caller.tenant_id:
                return False
            async with self.database.read(tenant_id) as connection:
                if not await may_read(connection, caller.groups, [UUID(each) for each in documents]):
                    return False
        return True


def source_documents(*sides: Mapping[str, CaseResult] | None) -> dict[str, dict[str, list[str]]]:
    """For each case, the documents that its answers may hold words of, by the name of their tenant."""
    found: dict[str, dict[str, list[str]]] = {}
    for side in sides:
        for name, (case, seen) in (side or {}).items():
            known = found.setdefault(name, {}).setdefault(case.tenant, [])
            known += [each for each in seen.documents if each not in known]
    return found
