"""Computes the model card and the risk register from the live release and stored records."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import structlog
import yaml

from app.core.audit import Broken
from app.core.clock import Clock
from app.core.database import Database
from app.core.ownership import OwnershipPolicy
from app.core.policies import Policies
from app.core.slo import SloPolicy
from app.costs.service import Costs
from app.evaluation.domain.policy import QualityPolicy
from app.evaluation.domain.report import Report
from app.evaluation.domain.runs import EvaluationNotFound
from app.governance import repository
from app.governance.domain.approval_rules import Emergency, valid_approvals
from app.governance.domain.model_card import (
    Corpus,
    EvaluationSummary,
    LiveReleaseDetails,
    ModelCard,
    Rehearsal,
    ServicePurpose,
    Spending,
    texts,
)
from app.governance.domain.risk_register import LiveReleaseFacts, RiskFacts, register
from app.governance.ports import Reports
from app.governance.repository import evidence_queries
from app.governance.service.approvals import Approvals
from app.governance.service.audit_log import AuditLog
from app.releases.domain import STAGING, EnvironmentReleases, Release, ReleaseHistory
from app.releases.service import Environments, Releases
from app.retrieval.domain import IndexRow
from app.retrieval.service.retrieval import Retrieval
from app.safety.domain.policy import SecurityPolicy

log = structlog.get_logger(__name__)

MAX_VERIFIED_LINES = 50_000
"""A longer audit log is not verified for each card; the card then shows the last verification."""
MAX_MOVES_SEARCHED = 200


@dataclass(frozen=True)
class Overview:
    """traces: where this process sends its traces. template: the version of the template."""

    database: Database
    clock: Clock
    policies: Policies
    releases: Releases
    environments: Environments
    approvals: Approvals
    audit: AuditLog
    retrieval: Retrieval
    costs: Costs
    reports: Reports
    traces: str
    template: str

    @property
    def ownership(self) -> OwnershipPolicy:
        return self.approvals.ownership

    async def card(self) -> ModelCard:
        """The model card and the risk register as of now. Errors: DatabaseUnavailable."""
        await self.environments.refresh()
        served = self.environments.live_releases.by_name.get(self.environments.production)
        live = await self._live(served) if served else None
        emergencies = tuple(await self.approvals.emergencies())
        spent = await self._spent()
        rehearsal = await self._rehearsal()
        facts = await self._facts(served, live, emergencies, spent, rehearsal)
        owners = {"service": self.ownership.owner, **self.ownership.owners.model_dump()}
        return ModelCard(
            at=facts.at,
            purpose=ServicePurpose.of(self.ownership),
            live=live,
            spending=Spending(
                f"{self.costs.policy.monthly_budget_usd:f}",
                f"{spent:.6f}",
                served.live.manifest.prices if served else self.costs.table.digest,
            ),
            rehearsal=rehearsal,
            emergencies=emergencies,
            risks=register(facts, owners),
            template=self.template,
        )

    async def _live(self, served: EnvironmentReleases) -> LiveReleaseDetails:
        release, manifest = served.live, served.live.manifest
        history = await self.releases.history(release.id)
        prompts, policies = texts(release, _policy_owners(release))
        return LiveReleaseDetails(
            id=release.id,
            number=release.number,
            state=history.state,
            author=history.author,
            made_at=release.created_at,
            live_since=served.pointer.changed_at,
            code=f"{manifest.code.version}, {manifest.code.digest[:12]}",
            chain=manifest.chain,
            prompts=prompts,
            policies=policies,
            corpus=await self._corpus(release),
            retrieval=manifest.retrieval,
            settings=manifest.settings,
            evaluation=EvaluationSummary.of(history, await self._report(history)),
            approvals=tuple(await self.approvals.of_release(release.id)),
            lacking=await self.approvals.lacking(release),
        )

    async def _report(self, history: ReleaseHistory) -> Report | None:
        if history.evidence is None:
            return None
        try:
            return Report.model_validate_json(await self.reports.report_of(history.evidence.report))
        except (EvaluationNotFound, ValueError) as error:
            log.warning("governance.report_unreadable", report=history.evidence.report, error=type(error).__name__)
            return None

    async def _corpus(self, release: Release) -> Corpus:
        rows: list[IndexRow] = []
        documents = chunks = 0
        tenants = await self.retrieval.indexes.tenants()
        for tenant_id in tenants:
            for row, of_documents, of_chunks in await self.retrieval.list_indexes(tenant_id):
                if row.id == release.manifest.index.id:
                    rows, documents, chunks = [row], documents + of_documents, chunks + of_chunks
        pin, pinned = release.manifest.index, rows[0] if rows else None
        words = pinned.fingerprint.text_search if pinned else ""
        number = pinned.number if pinned else None
        return Corpus(number, pin.embedder, pin.chunker, words, len(tenants), documents, chunks)

    async def _spent(self) -> Decimal:
        today = self.clock.now().astimezone(ZoneInfo(self.costs.policy.time_zone)).date()
        spent_micro_usd = 0
        for tenant_id in await self.retrieval.indexes.tenants():
            spent_micro_usd += (await self.costs.totals(tenant_id, today.replace(day=1), today)).total.micro_usd
        return Decimal(spent_micro_usd) / 1_000_000

    async def _rehearsal(self) -> Rehearsal | None:
        for move in await self.environments.moves(STAGING, MAX_MOVES_SEARCHED):
            if move.kind == "rehearsal":
                return Rehearsal(move.at, move.actor, move.seconds)
        return None

    async def chain(self) -> tuple[bool, str]:
        """Whether the audit log is whole, with a sentence about it. Errors: DatabaseUnavailable."""
        head = await self.audit.head()
        if head and head.sequence > MAX_VERIFIED_LINES:
            last = await self.audit.last_verified()
            if last is None:
                return True, f"{head.sequence:,} lines, never verified."
            whole = not (last.after or "").startswith("broken")
            return whole, f"{last.after}, verified on {last.at:%Y-%m-%d %H:%M} UTC by {last.actor}."
        result = await self.audit.inspect()
        if isinstance(result, Broken):
            return False, f"line {result.sequence} {result.what}."
        return True, f"{result.lines:,} lines, verified just now."

    async def _facts(
        self,
        served: EnvironmentReleases | None,
        live: LiveReleaseDetails | None,
        emergencies: tuple[Emergency, ...],
        spent: Decimal,
        rehearsal: Rehearsal | None,
    ) -> RiskFacts:
        now, limits = self.clock.now(), self.policies.get(SecurityPolicy).limits
        whole, chain = await self.chain()
        async with self.database.read(None) as connection:
            tables = await evidence_queries.tenant_tables(connection, repository.OWNER_READS)
            unguarded, bypasses = tuple(t.name for t in tables if not t.guarded), await repository.bypasses(connection)
        return RiskFacts(
            at=now,
            live=await self._live_facts(served.live, live, now) if served and live else None,
            risk_tier=self.ownership.risk_tier,
            traces=self.traces,
            unguarded=unguarded,
            bypasses=bypasses,
            whole=whole,
            chain=chain,
            open_emergencies=sum(each.review is None for each in emergencies),
            overdue_emergencies=sum(each.overdue(now) for each in emergencies),
            concurrent_answers=limits.concurrent_answers,
            requests_per_minute=limits.requests_per_minute_per_key,
            answer_p95_ms=self.policies.get(SloPolicy).answer_p95_ms,
            budget_usd=self.costs.policy.monthly_budget_usd,
            spent_usd=spent,
            review_policy="review" in self.policies.loaded,
            rehearsed=_rehearsed(rehearsal),
            canary_percent=self.policies.get(QualityPolicy).canary.percent,
        )

    async def _live_facts(self, release: Release, live: LiveReleaseDetails, now: datetime) -> LiveReleaseFacts:
        history, manifest = await self.releases.history(release.id), release.manifest
        counted = valid_approvals(history, live.approvals, now, self.ownership.approval.report_days)
        unproven = next((e.unproven for e in reversed(history.events) if e.after == "approved"), None)
        return LiveReleaseFacts(
            number=live.number,
            same_code=manifest.code == self.releases.inputs.code,
            differing_policies=_differing(manifest.policies, self.policies.digests),
            pinned_index_serves=manifest.index.id == (await self.retrieval.indexes.live()).id,
            chain_of_models=tuple(step.model for step in manifest.chain),
            deadline_seconds=float(manifest.settings.get("deadline_seconds") or 0),
            verdict=live.evaluation.verdict if live.evaluation else None,
            evaluated_at=live.evaluation.at if live.evaluation else None,
            unproven=unproven,
            lacking=live.lacking,
            approvers=tuple(dict.fromkeys(each.approver for each in counted)),
            author=live.author,
        )


def _differing(stored: Mapping[str, str], here: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(sorted(name for name in stored.keys() | here.keys() if stored.get(name) != here.get(name)))


def _rehearsed(last: Rehearsal | None) -> str:
    if last is None:
        return "A rollback was never rehearsed."
    duration = f", and took {last.seconds:.2f} s" if last.seconds is not None else ""
    return f"A rollback was rehearsed on {last.at:%Y-%m-%d}{duration}."


def _policy_owners(release: Release) -> dict[str, str]:
    return {name: str(yaml.safe_load(content).get("owner", "")) for name, content in release.policies.items()}
