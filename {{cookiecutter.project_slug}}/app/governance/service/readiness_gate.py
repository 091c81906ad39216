"""The gate of a release: its approvals, and the checks of readiness that the policy names."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from app.governance.service.approvals import Approvals
from app.governance.service.readiness import Readiness
from app.releases.domain import Promotion, Release


@dataclass(frozen=True)
class ReadinessGate:
    """As `releases.ports.ApprovalGate` promises; the policy says by environment which checks must not be red."""

    approvals: Approvals
    readiness: Readiness

    async def check(self, connection: AsyncConnection, promotion: Promotion) -> None:
        """Errors: NotReady naming the checks, NotApproved."""
        red = await self.readiness.blocking_release()
        named = "; ".join(f"{each.check.id}: {each.found}" for each in red)
        unready = f"The service is not ready. {named}" if red else None
        await self.approvals.check(connection, promotion, unready)

    async def first_release(self, connection: AsyncConnection, release: Release, at: datetime) -> None:
        await self.approvals.first_release(connection, release, at)
