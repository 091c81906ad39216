"""The sources of evidence for readiness, by the type of the facts that each gives."""

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from app.core.database import Database
from app.core.operation_runs import last_runs
from app.core.ownership import OwnershipPolicy
from app.core.policies import Policies
from app.core.slo import SloPolicy
from app.evaluation.service import SuiteFiles
from app.evaluation.service.suite_files import GOLDEN
from app.governance import repository
from app.governance.domain.readiness.facts import (
    AttestationFacts,
    AuditFacts,
    CallerFacts,
    CorpusFacts,
    DataHealthFacts,
    IsolationFacts,
    MonitoringFacts,
    OwnershipFacts,
    ProbeFacts,
    QueueFacts,
    RolloutFacts,
    RunFacts,
    SecretFacts,
    SpendingFacts,
    SuiteFacts,
    TrafficFacts,
)
from app.governance.repository import evidence_queries, readiness_store
from app.governance.service.overview import Overview
from app.governance.service.probes import probe
from app.governance.service.release_evidence import ReleaseEvidence
from app.governance.service.tenant_evidence import TenantEvidence
from app.monitoring.domain.dashboard_catalogue import DASHBOARDS
from app.monitoring.domain.rules import rule_files

RED_TEAM = "red_team"
Source = Callable[[], Awaitable[object]]


@dataclass(frozen=True)
class ProcessFacts:
    """What the settings of this process say. root: the folder of the service. missing_secrets: those made up."""

    root: Path
    environment: str
    traces: str
    missing_secrets: tuple[str, ...]


@dataclass(frozen=True)
class EvidenceSources:
    process: ProcessFacts
    policies: Policies
    database: Database
    overview: Overview
    tenants: TenantEvidence
    releases: ReleaseEvidence

    def by_facts(self) -> Mapping[type[object], Source]:
        """Each source may raise; the caller limits its time."""
        return {
            CorpusFacts: self.tenants.corpus,
            DataHealthFacts: self.tenants.data_health,
            TrafficFacts: self.tenants.traffic,
            QueueFacts: self.tenants.reviews,
            CallerFacts: self.tenants.callers,
            SpendingFacts: self.tenants.spending,
            RolloutFacts: self.releases.rollouts,
            SuiteFacts: self._suites,
            IsolationFacts: self._isolation,
            MonitoringFacts: self._monitoring,
            AuditFacts: self._audit,
            ProbeFacts: self._probes,
            SecretFacts: self._secrets,
            OwnershipFacts: self._ownership,
            RunFacts: self._runs,
            AttestationFacts: self._attestations,
        }

    async def _suites(self) -> SuiteFacts:
        suites = SuiteFiles(self.process.root / "evals")
        shipped = {path.as_posix() for path in _pages(self.process.root)}
        golden, red_team = suites.load(GOLDEN), suites.load(RED_TEAM)
        own = [case for case in golden.cases if case.sources and shipped.isdisjoint(s.uri for s in case.sources)]
        return SuiteFacts(len(golden.cases), len(own), len(red_team.cases), suites.load().digest)

    async def _isolation(self) -> IsolationFacts:
        async with self.database.read(None) as connection:
            tables = await evidence_queries.tenant_tables(connection, repository.OWNER_READS)
            bypasses = await repository.bypasses(connection)
        unguarded = tuple(table.name for table in tables if not table.guarded)
        return IsolationFacts(len(tables), unguarded, bypasses)

    async def _monitoring(self) -> MonitoringFacts:
        folder, objectives = self.process.root / "monitoring", self.policies.get(SloPolicy).objectives
        rules = {folder / "rules" / name: text for name, text in rule_files(objectives).items()}
        boards = {folder / "dashboards" / f"{board.uid}.json": board.as_json() for board in DASHBOARDS}
        digest = hashlib.sha256("".join([*rules.values(), *boards.values()]).encode()).hexdigest()
        return MonitoringFacts(_stale(rules), _stale(boards), len(rules) + len(boards), self.process.traces, digest)

    async def _audit(self) -> AuditFacts:
        whole, summary = await self.overview.chain()
        head = await self.overview.audit.head()
        return AuditFacts(whole, summary, head.hash if head else "")

    async def _probes(self) -> ProbeFacts:
        return probe(self.policies, self.overview.clock.now())

    async def _secrets(self) -> SecretFacts:
        return SecretFacts(self.process.environment, self.process.missing_secrets)

    async def _ownership(self) -> OwnershipFacts:
        return OwnershipFacts(self.policies.get(OwnershipPolicy), self.policies.digests["ownership"])

    async def _runs(self) -> RunFacts:
        async with self.database.read(None) as connection:
            return RunFacts({run.kind: run for run in await last_runs(connection)})

    async def _attestations(self) -> AttestationFacts:
        now = self.overview.clock.now()
        async with self.database.read(None) as connection:
            newest = await readiness_store.newest_statements(connection, "attestation")
        valid = {check: statement for check, statement in newest.items() if statement.valid(now)}
        return AttestationFacts(valid, await self.subjects())

    async def subjects(self) -> dict[str, str]:
        """The digest of what each attestation is about, as of now."""
        digests, ownership = self.policies.digests, self.policies.get(OwnershipPolicy)
        live = self.overview.environments.live_releases.by_name.get(self.overview.environments.production)
        threat_model = self.process.root / "docs" / "explanation" / "threat-model.md"
        about = {
            "data.sources_confirmed": digests["data"],
            "data.personal_data_confirmed": digests["privacy"],
            "monitoring.alerts_reach_on_call": f"{digests['slo']} {ownership.on_call}",
            "access.threat_model_reviewed": _text(threat_model),
            "governance.risk_classified": f"{ownership.risk_tier} {ownership.purpose} {digests['actions']}",
            "governance.risks_read": live.live.id if live else "",
            "review.points_confirmed": f"{digests['review']} {digests['actions']}",
            "business.outcome_agreed": ownership.purpose,
        }
        return {check: hashlib.sha256(text.encode()).hexdigest() for check, text in about.items()}


def _pages(root: Path) -> list[Path]:
    """The pages of this handbook and the documents of its evaluation, by their addresses in the corpus."""
    pages = [path.relative_to(root / "docs") for path in (root / "docs").rglob("*.md")]
    documents = [path.relative_to(root / "evals" / "documents") for path in (root / "evals" / "documents").rglob("*")]
    return pages + documents + [Path(*path.parts[1:]) for path in documents]


def _stale(wanted: Mapping[Path, str]) -> tuple[str, ...]:
    return tuple(sorted(path.name for path, text in wanted.items() if not _is(path, text)))


def _is(path: Path, text: str) -> bool:
    return path.is_file() and _text(path) == text


def _text(path: Path) -> str:
    """Empty where there is no such file."""
    return path.read_text(encoding="utf-8") if path.is_file() else ""
