"""Stored answers as monitoring reads them, tenant by tenant under row-level security."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.database import Database
from app.identity.domain import Principal
from app.inference.domain.answer_record import AnswerRecord, FailedRequest
from app.inference.repository import records


@dataclass(frozen=True)
class AnswerRecords:
    """Production's answers whose questions are still stored. `failures`, `all`: for figures and jobs, whatever their
    documents; `readable`: for a caller.
    """

    database: Database

    async def all(self, tenant_id: UUID, since: datetime, until: datetime, limit: int) -> list[AnswerRecord]:
        """The newest answers in [since, until), newest first."""
        async with self.database.read(tenant_id) as connection:
            return await records.list_records(connection, tenant_id, since, until, limit)

    async def failures(self, tenant_id: UUID, since: datetime, until: datetime, limit: int) -> list[AnswerRecord]:
        """The newest failed answers in [since, until), newest first."""
        async with self.database.read(tenant_id) as connection:
            return await records.list_records(connection, tenant_id, since, until, limit, only_failed=True)

    async def failed_requests(
        self, tenant_id: UUID, since: datetime, until: datetime, limit: int
    ) -> list[FailedRequest]:
        """Requests without an answer in [since, until), newest first."""
        async with self.database.read(tenant_id) as connection:
            return await records.list_failed_requests(connection, tenant_id, since, until, limit)

    async def count(self, tenant_id: UUID, since: datetime, until: datetime) -> int:
        """All answers in [since, until), also those whose questions are erased."""
        async with self.database.read(tenant_id) as connection:
            return await records.count_answers(connection, tenant_id, since, until)

    async def first_at(self, tenant_id: UUID) -> datetime | None:
        """When the oldest answer was given; None where there is none."""
        async with self.database.read(tenant_id) as connection:
            return await records.first_answer(connection, tenant_id)

    async def lock_stored(self, connection: AsyncConnection, tenant_id: UUID, ids: Sequence[UUID]) -> set[UUID]:
        """Those of the answers whose questions are not erased, and are not until the end of the transaction."""
        return await records.lock_stored(connection, tenant_id, ids)

    async def readable(self, caller: Principal, ids: Sequence[UUID]) -> list[AnswerRecord]:
        """Those of the answers that the caller may read now, in the order of `ids`."""
        async with self.database.read(caller.tenant_id) as connection:
            return await records.list_readable(connection, caller.tenant_id, ids, caller.groups)
