"""The model card, and readiness with its sources of evidence."""

from app.core.template_record import TemplateRecord
from app.governance.ports import Reports
from app.governance.service import Approvals, AuditLog, Overview, Readiness
from app.governance.service.evidence_sources import EvidenceSources, ProcessFacts
from app.governance.service.release_evidence import ReleaseEvidence
from app.governance.service.tenant_evidence import TenantEvidence
from app.releases.service import Environments
from app.settings import Settings, variable_of
from app.wiring.infrastructure import Infrastructure

SECRETS = ("key_pepper", "master_key")


def _overview(infra: Infrastructure, environments: Environments, approvals: Approvals, reports: Reports) -> Overview:
    return Overview(
        database=infra.database,
        clock=infra.clock,
        policies=infra.policies,
        releases=infra.releases,
        environments=environments,
        approvals=approvals,
        audit=AuditLog(infra.database, infra.clock),
        retrieval=infra.retrieval,
        costs=infra.costs,
        reports=reports,
        traces=infra.settings.trace_target,
        template=str(TemplateRecord.of(infra.settings.root)),
    )


def make_readiness(
    infra: Infrastructure, environments: Environments, approvals: Approvals, reports: Reports
) -> Readiness:
    releases, database, clock = infra.releases, infra.database, infra.clock
    models = tuple(step.model for step in releases.inputs.chain)
    tenants = TenantEvidence(database, clock, infra.policies, infra.retrieval, infra.costs, models)
    of_releases = ReleaseEvidence(database, clock, releases, environments, approvals, infra.retrieval)
    process, overview = process_facts(infra.settings), _overview(infra, environments, approvals, reports)
    sources = EvidenceSources(process, infra.policies, database, overview, tenants, of_releases)
    return Readiness(database, clock, infra.policies, sources)


def process_facts(settings: Settings) -> ProcessFacts:
    missing = tuple(variable_of(name) for name in SECRETS if getattr(settings, name) is None)
    return ProcessFacts(settings.root, settings.environment, settings.trace_target, missing)
