"""Approvals of releases, and activation without approval in an emergency."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core import audit
from app.core.audit import Act
from app.core.clock import Clock
from app.core.database import Database
from app.core.ids import new_id
from app.core.ownership import OwnershipPolicy
from app.core.reasons import check_reason
from app.core.telemetry import counter
from app.governance import repository
from app.governance.domain.approval_rules import (
    Approval,
    ApprovalKind,
    BreakGlassNotFound,
    Emergency,
    EmergencyReview,
    NotReady,
    changed_parts,
    check_approval,
    check_review,
    expiry,
    lacking,
)
from app.identity.domain import PERMISSIONS, Principal
from app.monitoring.service.error_budgets import ErrorBudgets
from app.releases.domain import NotApproved, Promotion, Release
from app.releases.service import LiveReleases, Releases

log = structlog.get_logger(__name__)

PERMISSION = "releases:approve"
MAX_EMERGENCIES = 100

_broken = counter("app_break_glass_total", "Releases that went live without approval, by an emergency")


@dataclass(frozen=True)
class Approvals:
    """Approvals of releases. The rules are those of this process's own policies/ownership.yaml: a release cannot relax
    the rules that it is judged by.

    live_releases: what production serves, to determine what a release would change. error_budgets: while one is spent,
    only fixes go live.
    """

    database: Database
    clock: Clock
    releases: Releases
    ownership: OwnershipPolicy
    live_releases: LiveReleases
    error_budgets: ErrorBudgets

    async def approve(
        self,
        caller: Principal,
        release_id: str,
        reason: str,
        *,
        environment: str = "production",
        report: str | None = None,
        expires: datetime | None = None,
    ) -> tuple[Approval, str | None]:
        """Approves a release on its newest report. With enough approvals the release becomes approved in the same
        transaction; else the second value says what it still lacks.

        report: the SHA-256 of the report that the caller read; refused when it is not the newest. expires: until when
        the approval counts.
        Errors: ReleaseNotFound, NoEvidence, SelfApproval, ApprovedAlready, ExpiryUnusable, IllegalMove, ReasonRequired,
        PermissionMissing.
        """
        caller.require(PERMISSION)
        reason, now = check_reason(reason), self.clock.now()
        async with self.database.transaction(None) as connection:
            await self.releases.lock(connection)
            release, _ = await self.releases.load(connection, release_id)
            history = await self.releases.history_in(connection, release.id)
            earlier = await repository.approvals_of(connection, release.id)
            report_digest = check_approval(self.ownership, history, earlier, caller.name, now, report)
            approval = Approval(
                id=new_id(),
                release_id=release.id,
                environment=environment,
                kind="approval",
                report=report_digest,
                approver=caller.name,
                role=_role(caller),
                at=now,
                expires_at=expiry(self.ownership, now, expires),
                reason=reason,
            )
            await repository.add(connection, approval)
            act = Act(caller.name, "release.approve", f"release {release.id}", reason, after=f"report {report_digest}")
            await audit.record(connection, act, now)
            missing = await self._lacking(connection, release, now)
            if missing is None and history.state != "approved":
                await self.releases.mark_approved(connection, release.id, caller.name, reason)
        return approval, missing

    async def reject(self, caller: Principal, release_id: str, reason: str) -> Release:
        """Ends a release that is not live; only a new evaluation opens it again.

        Errors: ReleaseNotFound, IllegalMove, ReasonRequired, PermissionMissing.
        """
        caller.require(PERMISSION)
        async with self.database.transaction(None) as connection:
            await self.releases.lock(connection)
            release, _ = await self.releases.load(connection, release_id)
            await self.releases.reject(connection, release.id, caller.name, reason)
        return release

    async def of_release(self, release_id: str) -> Sequence[Approval]:
        """All approvals of a release, oldest first. Errors: ReleaseNotFound."""
        async with self.database.read(None) as connection:
            release, _ = await self.releases.load(connection, release_id)
            return await repository.approvals_of(connection, release.id)

    async def lacking(self, release: Release) -> str | None:
        """What keeps the release from going live now, in a sentence; None when nothing does."""
        async with self.database.read(None) as connection:
            return await self._stopping(connection, release, self.clock.now())

    async def _stopping(self, connection: AsyncConnection, release: Release, at: datetime) -> str | None:
        """As `_lacking`, and what a spent error budget stops, which no approval helps against."""
        missing = await self._lacking(connection, release, at)
        return missing or await self.error_budgets.freeze(connection, release.id, at)

    async def _lacking(self, connection: AsyncConnection, release: Release, at: datetime) -> str | None:
        history = await self.releases.history_in(connection, release.id)
        approvals = await repository.approvals_of(connection, release.id)
        live = self.live_releases.by_name.get(self.live_releases.production)
        changed = changed_parts(live.live.manifest if live else None, release.manifest)
        return lacking(self.ownership, history, approvals, changed, at)

    async def check(self, connection: AsyncConnection, promotion: Promotion, unready: str | None = None) -> None:
        """As `releases.ports.ApprovalGate` promises. unready: what the checks of readiness found against it.

        Errors: NotApproved, NotReady.
        """
        release, at = promotion.release, promotion.at
        lacks = await self._stopping(connection, release, at)
        missing = " ".join(filter(None, (lacks, unready)))
        if not missing:
            return
        if not promotion.break_glass:
            problem = NotApproved if lacks else NotReady
            raise problem(f"Release {release.number} may not go live: {missing}")
        actor, reason = promotion.actor, check_reason(promotion.reason)
        exception = _exception("break_glass", release, promotion.environment, actor, "emergency", at, reason)
        await self._break_glass(connection, release, exception, missing)

    async def _break_glass(
        self, connection: AsyncConnection, release: Release, exception: Approval, missing: str
    ) -> None:
        actor, reason, at = exception.approver, exception.reason, exception.at
        await repository.add(connection, exception)
        act = Act(actor, "release.break_glass", f"release {release.id}", reason, missing, f"to review {exception.id}")
        await audit.record(connection, act, at)
        _broken.inc()
        log.error(
            "governance.break_glass_used",
            release=release.short,
            number=release.number,
            environment=exception.environment,
            actor=actor,
            reason=reason,
            lacking=missing,
            review=str(exception.id),
            review_by=(at + self._review_within()).isoformat(),
        )

    async def first_release(self, connection: AsyncConnection, release: Release, at: datetime) -> None:
        """Records that the first release on a laptop approved itself."""
        reason = "the first release on a laptop approves itself"
        exception = _exception("first_release", release, "production", "app", "first start", at, reason)
        await repository.add(connection, exception)

    async def emergencies(self) -> Sequence[Emergency]:
        """Releases that went live without approval: those not reviewed first, then the newest."""
        async with self.database.read(None) as connection:
            return await repository.emergencies(connection, self._review_within(), MAX_EMERGENCIES)

    async def review(self, caller: Principal, approval_id: UUID, reason: str) -> Emergency:
        """Records a review of an emergency.

        Errors: BreakGlassNotFound, ReviewedAlready, SelfApproval, ReasonRequired, PermissionMissing.
        """
        caller.require(PERMISSION)
        reason, now = check_reason(reason), self.clock.now()
        async with self.database.transaction(None) as connection:
            await self.releases.lock(connection)
            emergency = await repository.emergency(connection, approval_id, self._review_within())
            if emergency is None:
                raise BreakGlassNotFound(f"There is no emergency {approval_id}.")
            check_review(self.ownership, emergency, caller.name)
            review = EmergencyReview(approval_id, caller.name, now, reason)
            await repository.add_review(connection, review)
            act = Act(caller.name, "release.review_break_glass", f"release {emergency.approval.release_id}", reason)
            await audit.record(connection, act, now)
        return Emergency(emergency.approval, emergency.due, review)

    async def notes(self) -> list[str]:
        """The emergencies without a review, as notes for the readiness page."""
        now = self.clock.now()
        return [
            f"Release {each.approval.release_id[:12]} went live by break-glass; "
            f"its review {'is overdue since' if each.overdue(now) else 'is due by'} {each.due:%Y-%m-%d %H:%M} UTC."
            for each in await self.emergencies()
            if each.review is None
        ]

    def _review_within(self) -> timedelta:
        return timedelta(hours=self.ownership.approval.review_hours)


def _role(caller: Principal) -> str:
    return " ".join(sorted(role for role in caller.roles if PERMISSION in PERMISSIONS.get(role, ())))


def _exception(
    kind: ApprovalKind, release: Release, environment: str, actor: str, role: str, at: datetime, reason: str
) -> Approval:
    return Approval(new_id(), release.id, environment, kind, None, actor, role, at, None, reason)
