"""What judges live traffic: error budgets with the approvals that they stop, business value, scores of answers."""

from dataclasses import dataclass, replace

from app.core.ownership import OwnershipPolicy
from app.core.slo import SloPolicy
from app.evaluation.domain.policy import QualityPolicy
from app.evaluation.service import LLMJudge
from app.governance.service import Approvals
from app.identity.service import Identity
from app.inference.service.later_review import LaterReview
from app.llm.ports import ChatModel
from app.monitoring.domain.business_policy import BusinessPolicy
from app.monitoring.service.alerting import AlertNotices
from app.monitoring.service.business import Business
from app.monitoring.service.error_budgets import ErrorBudgets
from app.monitoring.service.online_evaluation import FEATURE, OnlineEvaluations
from app.releases.service import LiveReleases
from app.safety.service import Screening
from app.webhooks.service import WebhookSender
from app.wiring.infrastructure import Infrastructure


@dataclass(frozen=True)
class Monitoring:
    """The services of the room."""

    error_budgets: ErrorBudgets
    business: Business
    online: OnlineEvaluations
    alert_notices: AlertNotices

    @property
    def services(self) -> tuple[object, ...]:
        return (self.error_budgets, self.business, self.online, self.alert_notices)


def make_approvals(infra: Infrastructure, live_releases: LiveReleases) -> Approvals:
    """With the error budgets, of which a spent one lets nothing but fixes go live."""
    ownership, slo = infra.policies.get(OwnershipPolicy), infra.policies.get(SloPolicy)
    error_budgets = ErrorBudgets(infra.database, infra.clock, infra.releases, slo, ownership)
    return Approvals(infra.database, infra.clock, infra.releases, ownership, live_releases, error_budgets)


def make_judge(infra: Infrastructure, identity: Identity, model: ChatModel | None) -> LLMJudge:
    rule = infra.policies.get(QualityPolicy).judge
    return LLMJudge(infra.database, infra.clock, infra.costs, identity, infra.suites, rule, model)


def make_online_evaluations(
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
) -> Monitoring:
    """approvals: whose error budgets are shown."""
    policies = infra.policies
    return Monitoring(
        approvals.error_budgets,
        Business(infra.database, infra.clock, policies.get(BusinessPolicy)),
        make_online_evaluations(infra, identity, screening, judge),
        AlertNotices(infra.database, infra.clock, webhooks, policies.get(OwnershipPolicy)),
    )
