"""The model card: what is live, said from what was stored. Shapes only; `service/overview.py` fills them."""

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
    """What the service is for, who answers for it, and how careful it has to be."""

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
    """A prompt, or a policy with the one who answers for it; its version is the digest of its bytes."""

    name: str
    digest: str
    text: str
    owner: str = ""


@dataclass(frozen=True, slots=True)
class Corpus:
    """What answers are drawn from. documents, chunks: of all tenants, in the index of the release."""

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
    def of(cls, found: MetricFinding) -> "MetricResult":
        known = METRICS.get(found.metric)
        return cls(
            found.metric,
            known.harm if known else "",
            known.unit if known else "share",
            found.slice,
            found.cases,
            found.candidate,
            found.low,
            found.high,
            found.floor,
            found.verdict,
        )


@dataclass(frozen=True, slots=True)
class EvaluationSummary:
    """What the newest evaluation of the release found. report: the SHA-256 that approvals are bound to."""

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
        found = [MetricResult.of(each) for each in report.judgement.findings]
        return cls(
            evidence.report,
            evidence.verdict,
            newest.at,
            report.candidate.suite,
            report.candidate.suite_digest,
            report.baseline.release_id if report.baseline else None,
            tuple(each for each in found if each.slice == WHOLE),
            tuple(each for each in found if each.slice != WHOLE),
            report.judgement.fallen,
        )

    def weakest(self) -> tuple[MetricResult, ...]:
        """Where the service is known to be weak: the slices with the lowest shares, under one."""
        shares = [each for each in self.slices if each.unit == "share" and each.value < 1]
        return tuple(sorted(shares, key=lambda each: (each.value, each.slice, each.metric))[:WEAKEST])


@dataclass(frozen=True, slots=True)
class Spending:
    """The ceiling of a month, and what it has cost so far, over all tenants."""

    monthly_budget_usd: str
    spent_this_month_usd: str
    prices: str


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """The last time somebody tried to go back. seconds: from the decision until it was served."""

    at: datetime
    by: str
    seconds: float | None


@dataclass(frozen=True, slots=True)
class LiveReleaseDetails:
    """The release that production serves, and how it got there."""

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
        """What happens when the first model does not answer, in order."""
        return (*(step.model for step in self.chain), "an honest refusal")


@dataclass(frozen=True, slots=True)
class ModelCard:
    """Everything on one page. live: None while nothing serves."""

    at: datetime
    purpose: ServicePurpose
    live: LiveReleaseDetails | None
    spending: Spending
    rehearsal: Rehearsal | None
    emergencies: tuple[Emergency, ...]
    risks: tuple[Risk, ...]

    def open_emergencies(self) -> tuple[Emergency, ...]:
        return tuple(each for each in self.emergencies if each.review is None)

    def as_dict(self) -> dict[str, Any]:
        """For JSON: everything, with what was worked out."""
        told = asdict(self)
        if self.live:
            told["live"]["chain"] = [step.model_dump() for step in self.live.chain]
            told["live"]["fallbacks"] = self.live.fallbacks()
            weak = self.live.evaluation.weakest() if self.live.evaluation else ()
            told["live"]["known_limits"] = [asdict(each) for each in weak]
        return told


def texts(release: Release, owners: Mapping[str, str]) -> tuple[tuple[VersionedText, ...], tuple[VersionedText, ...]]:
    """The prompts of a release, and its policies with their owners."""
    prompts = tuple(VersionedText(name, each.digest, each.text) for name, each in sorted(release.prompts.items()))
    policies = tuple(
        VersionedText(name, release.manifest.policies[name], content.decode(), owners.get(name, ""))
        for name, content in sorted(release.policies.items())
    )
    return prompts, policies
