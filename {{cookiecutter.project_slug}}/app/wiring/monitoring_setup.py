"""What judges live traffic: error budgets with the approvals that they stop, business value, scores of answers."""

from dataclasses import replace
from functools import partial

from app.core.ownership import OwnershipPolicy
from app.core.slo import SloPolicy
from app.evaluation.domain.policy import QualityPolicy
from app.evaluation.service import LLMJudge
from app.governance.service import Approvals
from app.identity.service import Identity
from app.inference.service.later_review import LaterReview
from app.ingestion.service import Ingestion
from app.llm.ports import ChatModel
from app.monitoring.domain.business_policy import BusinessPolicy
from app.monitoring.domain.drift.signals import EvaluatedRelease
from app.monitoring.domain.policy import MonitoringPolicy
from app.monitoring.service import Monitoring
from app.monitoring.service.alerting import AlertNotices
from app.monitoring.service.business import Business
from app.monitoring.service.error_budgets import ErrorBudgets
from app.monitoring.service.online_evaluation import FEATURE, OnlineEvaluations
from app.releases.service import LiveReleases
from app.safety.domain.privacy_policy import PrivacyPolicy
from app.safety.service import Screening
from app.webhooks.service import WebhookSender
from app.wiring.infrastructure import Infrastructure


def make_approvals(infra: Infrastructure, live_releases: LiveReleases) -> Approvals:
    """With the error budgets, of which a spent one lets nothing but fixes go live."""
    ownership, slo = infra.policies.get(OwnershipPolicy), infra.policies.get(SloPolicy)
    error_budgets = ErrorBudgets(infra.database, infra.clock, infra.releases, slo, ownership)
    return Approvals(infra.database, infra.clock, infra.releases, ownership, live_releases, error_budgets)


def _business(infra: Infrastructure) -> Business:
    return Business(infra.database, infra.clock, infra.policies.get(BusinessPolicy))


def make_judge(infra: Infrastructure, identity: Identity, model: ChatModel | None) -> LLMJudge:
    rule = infra.policies.get(QualityPolicy).judge
    return LLMJudge(infra.database, infra.clock, infra.costs, identity, infra.suites, rule, model)


def _online_evaluations(
    infra: Infrastructure, identity: Identity, screening: Screening, judge: ChatModel | None
) -> OnlineEvaluations:
    policies = infra.policies
    return OnlineEvaluations(
        infra.database,
        infra.clock,
        identity,
        infra.costs,
        screening,
        replace(make_judge(infra, identity, judge), feature=FEATURE),
        LaterReview(identity),
        policies.get(QualityPolicy).online,
        policies.get(OwnershipPolicy).risk_tier,
        infra.retrieval.indexes.tenants,
    )


def make_monitoring(
    infra: Infrastructure,
    approvals: Approvals,
    identity: Identity,
    screening: Screening,
    judge: ChatModel | None,
    webhooks: WebhookSender,
    ingestion: Ingestion,
) -> Monitoring:
    """approvals: whose error budgets are shown."""
    policies = infra.policies
    return Monitoring.build(
        infra.database,
        infra.clock,
        infra.retrieval,
        ingestion,
        infra.suites,
        policies.get(MonitoringPolicy),
        policies.get(PrivacyPolicy).personal_data,
        infra.retrieval.indexes.tenants,
        _business(infra),
        _online_evaluations(infra, identity, screening, judge),
        AlertNotices(infra.database, infra.clock, webhooks, policies.get(OwnershipPolicy)),
        approvals.error_budgets,
        partial(_evaluated_release, infra, approvals.live_releases),
    )


async def _evaluated_release(infra: Infrastructure, live_releases: LiveReleases) -> EvaluatedRelease | None:
    """The live release of production, if it passed its evaluation."""
    if not live_releases.known:
        await live_releases.refresh()
    served = live_releases.by_name.get(live_releases.production)
    if served is None:
        return None
    history = await infra.releases.history(served.live.id)
    since = [event.at for event in history.events if event.after == "live"]
    passed = history.evidence is not None and history.evidence.verdict == "PASS"
    return EvaluatedRelease(served.live.id, since[-1]) if passed and since else None
