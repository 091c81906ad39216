"""Readiness: every check answered from live evidence, attestations and waivers, plans, and the gate of a release."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import structlog

from app.core import audit
from app.core.audit import Act
from app.core.clock import Clock
from app.core.database import Database
from app.core.ids import new_id
from app.core.logging import log_failure
from app.core.operation_runs import record_run
from app.core.operations import OperationRun
from app.core.ownership import OwnershipPolicy
from app.core.policies import Policies
from app.core.reasons import check_reason
from app.governance.domain.readiness.catalogue import find_check
from app.governance.domain.readiness.readiness_policy import ReadinessPolicy
from app.governance.domain.readiness.report import CheckResult, ReadinessReport, make_report
from app.governance.domain.readiness.statements import (
    NotAttested,
    ReadinessStatement,
    StatementKind,
    StatementNotFound,
    check_expiry,
    check_waivable,
)
from app.governance.repository import readiness_store
from app.governance.service.evidence_sources import EvidenceSources, Source
from app.identity.domain import Principal

log = structlog.get_logger(__name__)

PERMISSION = "governance:write"


@dataclass(frozen=True)
class Readiness:
    database: Database
    clock: Clock
    policies: Policies
    sources: EvidenceSources

    @property
    def policy(self) -> ReadinessPolicy:
        return self.policies.get(ReadinessPolicy)

    async def report(self) -> ReadinessReport:
        """Every check as of now. A source that fails, or takes too long, makes its checks red with the reason."""
        return await self._report(self.sources.by_facts())

    async def _report(self, sources: Mapping[type[object], Source]) -> ReadinessReport:
        """Checks of other sources are red in it."""
        gathered = {kind: await self._gather(kind, source) for kind, source in sources.items()}
        now = self.clock.now()
        waivers = await self._waivers(now)
        return make_report(gathered, self.policy, self.policies.get(OwnershipPolicy), waivers, now)

    async def _gather(self, kind: type[object], source: Source) -> object | Exception:
        try:
            async with asyncio.timeout(self.policy.timeout_seconds):
                return await source()
        except TimeoutError:
            return TimeoutError(f"it took longer than {self.policy.timeout_seconds:g} s.")
        except Exception as error:  # whatever it is: nothing was proven
            log_failure(log, "governance.evidence_unreadable", error, source=kind.__name__)
            return error

    async def _waivers(self, now: datetime) -> Mapping[str, ReadinessStatement]:
        """Errors: DatabaseUnavailable."""
        async with self.database.read(None) as connection:
            newest = await readiness_store.newest_statements(connection, "waiver")
        return {check: statement for check, statement in newest.items() if statement.valid(now)}

    async def blocking_release(self) -> tuple[CheckResult, ...]:
        """The checks that keep a release from going live here, by the policy for this process's environment."""
        gate = self.policy.gate.get(self.sources.process.environment, ())  # type: ignore[call-overload]
        if not gate:
            return ()
        # A release waits for it, so that nothing else is looked at.
        looked_at = {find_check(check_id).source for check_id in gate}
        report = await self._report({kind: of for kind, of in self.sources.by_facts().items() if kind in looked_at})
        return tuple(each for each in report.results if each.check.id in gate and each.status == "red")

    async def attest(
        self, caller: Principal, check_id: str, reason: str, owner: str | None = None, expires: datetime | None = None
    ) -> ReadinessStatement:
        """Records that a person answers for what no evidence can show, until it changes or the attestation ends.

        owner: who answers for it; the caller unless named. expires: the latest that the policy allows, unless named.
        Errors: CheckNotFound, NotAttested, StatementExpiry, ReasonRequired, PermissionMissing.
        """
        caller.require(PERMISSION)
        if not find_check(check_id).attested:
            raise NotAttested(f"{check_id} is answered from evidence.")
        end = check_expiry(expires, self.clock.now(), self.policy.attestation_days)
        subject = (await self.sources.subjects())[check_id]
        return await self._record_statement("attestation", caller, check_id, reason, owner, end, subject)

    async def waive(
        self, caller: Principal, check_id: str, reason: str, owner: str, expires: datetime | None = None
    ) -> ReadinessStatement:
        """Lets a red check count as amber until a date. Errors: as `attest`, NeverWaived."""
        caller.require(PERMISSION)
        check_waivable(find_check(check_id).id, self.policy.waivers.never)
        end = check_expiry(expires, self.clock.now(), self.policy.waivers.max_days)
        return await self._record_statement("waiver", caller, check_id, reason, owner, end, "")

    async def withdraw(self, caller: Principal, kind: StatementKind, check_id: str, reason: str) -> ReadinessStatement:
        """Ends an attestation or a waiver at once. Errors: StatementNotFound, ReasonRequired, PermissionMissing."""
        caller.require(PERMISSION)
        now = self.clock.now()
        async with self.database.read(None) as connection:
            statement = (await readiness_store.newest_statements(connection, kind)).get(check_id)
        if statement is None or not statement.valid(now):
            raise StatementNotFound(f"There is no valid {kind} of '{check_id[:80]}'.")
        return await self._record_statement(kind, caller, check_id, reason, statement.owner, now, "", withdrawn=True)

    async def _record_statement(
        self,
        kind: StatementKind,
        caller: Principal,
        check_id: str,
        reason: str,
        owner: str | None,
        expires: datetime,
        subject: str,
        withdrawn: bool = False,
    ) -> ReadinessStatement:
        now, why = self.clock.now(), check_reason(reason)
        statement = ReadinessStatement(
            new_id(), kind, check_id, owner or caller.name, caller.name, why, subject, now, expires, withdrawn
        )
        after = "withdrawn" if withdrawn else f"until {expires:%Y-%m-%d %H:%M} UTC by {statement.owner}"
        async with self.database.transaction(None) as connection:
            await readiness_store.add_statement(connection, statement)
            act = Act(caller.name, f"readiness.{kind}", f"check {check_id}", why, after=after)
            await audit.record(connection, act, now)
        return statement

    async def record(self, run: OperationRun) -> None:
        """Records the run of an operation that takes place outside of this process, with a line in the audit log."""
        async with self.database.transaction(None) as connection:
            await record_run(connection, run)
            result = "passed" if run.passed else "failed"
            act = Act(run.actor, "readiness.record", run.kind, after=f"{result} {run.digest[:12]}".strip())
            await audit.record(connection, act, self.clock.now())
