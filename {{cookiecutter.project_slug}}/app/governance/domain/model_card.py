"""The data of the model card; `service/overview.py` fills it from stored records."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from app.core.ownership import OwnershipPolicy
from app.evaluation.domain.gate import WHOLE, MetricFinding
from app.evaluation.domain.metrics import METRICS
from app.evaluation.domain.report import Report
from app.governance.domain.approval_rules import Approval, Emergency
from app.governance.domain.risk_register import Risk
from app.releases.domain import ModelStep, Release, ReleaseHistory, Scalar

WEAKEST = 8


@dataclass(frozen=True, slots=True)
class ServicePurpose:
    """The purpose of the service, its owners, and its risk tier."""

    service: str
    purpose: str
    owner: str
    on_call: str
    risk_tier: str
    data_sensitivity: str
    owners: Mapping[str, str]

    @classmethod
    def of(cls, policy: OwnershipPolicy) -> "ServicePurpose":
        return cls(
            policy.service,
            policy.purpose,
            policy.owner,
            policy.on_call,
            policy.risk_tier,
            policy.data_sensitivity,
            policy.owners.model_dump(),
        )


@dataclass(frozen=True, slots=True)
class VersionedText:
    """A prompt, or a policy with its owner; its version is the digest of its bytes."""

    name: str
    digest: str
    text: str
    owner: str = ""


@dataclass(frozen=True, slots=True)
class Corpus:
    """The corpus that answers come from. documents, chunks: of all tenants, in the index of the release."""

    index: int | None
    embedder: str
    chunker: str
    text_search: str
    tenants: int
    documents: int
    chunks: int


@dataclass(frozen=True, slots=True)
class MetricResult:
    """One metric on the whole suite or a slice. low, high: of the difference from the release before."""

    metric: str
    harm: str
    unit: str
    slice: str
    cases: int
    value: float
    low: float | None
    high: float | None
    floor: float | None
    verdict: str

    @classmethod
    def of(cls, finding: MetricFinding) -> "MetricResult":
        metric = METRICS.get(finding.metric)
        return cls(
            finding.metric,
            metric.harm if metric else "",
            metric.unit if metric else "share",
            finding.slice,
            finding.cases,
            finding.candidate,
            finding.low,
            finding.high,
            finding.floor,
            finding.verdict,
        )


@dataclass(frozen=True, slots=True)
class EvaluationSummary:
    """The result of the newest evaluation of the release. report: the SHA-256 that approvals are bound to."""

    report: str
    verdict: str
    at: datetime
    suite: str = ""
    suite_digest: str = ""
    baseline: str | None = None
    whole: tuple[MetricResult, ...] = ()
    slices: tuple[MetricResult, ...] = ()
    fallen: tuple[str, ...] = ()

    @classmethod
    def of(cls, history: ReleaseHistory, report: Report | None) -> "EvaluationSummary | None":
        newest = next((event for event in reversed(history.events) if event.evidence), None)
        if newest is None or newest.evidence is None:
            return None
        evidence = newest.evidence
        if report is None:
            return cls(evidence.report, evidence.verdict, newest.at)
        finding = [MetricResult.of(each) for each in report.judgement.findings]
        return cls(
            evidence.report,
            evidence.verdict,
            newest.at,
            report.candidate.suite,
            report.candidate.suite_digest,
            report.baseline.release_id if report.baseline else None,
            tuple(each for each in finding if each.slice == WHOLE),
            tuple(each for each in finding if each.slice != WHOLE),
            report.judgement.fallen,
        )

    def weakest(self) -> tuple[MetricResult, ...]:
        """The known limits: the slices with the lowest shares below 1."""
        shares = [each for each in self.slices if each.unit == "share" and each.value < 1]
        return tuple(sorted(shares, key=lambda each: (each.value, each.slice, each.metric))[:WEAKEST])


@dataclass(frozen=True, slots=True)
class Spending:
    """The monthly budget, and the costs of this month so far, over all tenants."""

    monthly_budget_usd: str
    spent_this_month_usd: str
    prices: str


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """The last rehearsal of a rollback. seconds: from the decision until the release was served."""

    at: datetime
    by: str
    seconds: float | None


@dataclass(frozen=True, slots=True)
class LiveReleaseDetails:
    """The release that is live in production, with its evaluation and approvals."""

    id: str
    number: int
    state: str
    author: str
    made_at: datetime
    live_since: datetime | None
    code: str
    chain: tuple[ModelStep, ...]
    prompts: tuple[VersionedText, ...]
    policies: tuple[VersionedText, ...]
    corpus: Corpus
    retrieval: Mapping[str, Scalar]
    settings: Mapping[str, Scalar]
    evaluation: EvaluationSummary | None
    approvals: tuple[Approval, ...]
    lacking: str | None

    def fallbacks(self) -> tuple[str, ...]:
        """The fallback order: the models of the chain, then a refusal."""
        return (*(step.model for step in self.chain), "an honest refusal")


@dataclass(frozen=True, slots=True)
class ModelCard:
    """The content of the model card. live: None while no release is live. template: its version and commit."""

    at: datetime
    purpose: ServicePurpose
    live: LiveReleaseDetails | None
    spending: Spending
    rehearsal: Rehearsal | None
    emergencies: tuple[Emergency, ...]
    risks: tuple[Risk, ...]
    template: str

    def open_emergencies(self) -> tuple[Emergency, ...]:
        return tuple(each for each in self.emergencies if each.review is None)

    def as_dict(self) -> dict[str, Any]:
        """For JSON, with the computed values."""
        card = asdict(self)
        if self.live:
            card["live"]["chain"] = [step.model_dump() for step in self.live.chain]
            card["live"]["fallbacks"] = self.live.fallbacks()
            weak = self.live.evaluation.weakest() if self.live.evaluation else ()
            card["live"]["known_limits"] = [asdict(each) for each in weak]
        return card


def texts(release: Release, owners: Mapping[str, str]) -> tuple[tuple[VersionedText, ...], tuple[VersionedText, ...]]:
    """The prompts of a release, and its policies with their owners."""
    prompts = tuple(VersionedText(name, each.digest, each.text) for name, each in sorted(release.prompts.items()))
    policies = tuple(
        VersionedText(name, release.manifest.policies[name], content.decode(), owners.get(name, ""))
        for name, content in sorted(release.policies.items())
    )
    return prompts, policies
