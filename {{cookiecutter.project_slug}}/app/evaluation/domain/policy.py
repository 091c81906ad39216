from collections.abc import Iterable, Mapping
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from app.core.base_models import ExactModel
from app.core.policies import PolicyModel
from app.evaluation.domain.metrics import METRICS, MetricTier

SliceRisk = Literal["low", "medium", "high"]
Fraction = Annotated[float, Field(ge=0, le=1)]
CANARY_METRICS = ("errors", "latency_ms", "refusals", "findings", "groundedness", "feedback", "cost_micro_usd")


def _refuse_unknown(where: str, names: Iterable[str], known: Iterable[str]) -> None:
    wrong = sorted(set(names) - set(known))
    if wrong:
        raise ValueError(f"{where}: unknown metric {wrong[0]}; known metrics: {', '.join(known)}")


class MetricRule(ExactModel):
    """How far one metric may fall before it blocks a release."""

    tier: MetricTier = Field(
        "supporting", description="Critical and supporting metrics block a release; advisory ones are only reported."
    )
    tolerance: float = Field(
        0.05,
        ge=0,
        le=10,
        description="The largest tolerated fall: a difference of shares; for latency and cost a ratio.",
    )
    floor: float | None = Field(
        None, ge=0, description="The lowest value allowed on the whole suite; for latency and cost the highest."
    )
    slice_floor: float | None = Field(None, ge=0, description="The floor of every slice that has none of its own.")


class SliceRule(ExactModel):
    """Additional rules for one slice."""

    risk: SliceRisk | None = Field(
        None, description="How much harm a wrong answer does here; `default_risk` if not set."
    )
    floors: Mapping[str, float] = Field(default_factory=dict, description="Floors of this slice by metric.")


class GatedMetrics(ExactModel):
    """Metrics that block in a slice, by the risk of the slice."""

    low: tuple[str, ...] = Field((), description="In slices of low risk.")
    medium: tuple[str, ...] = Field((), description="In slices of medium risk.")
    high: tuple[str, ...] = Field((), description="In slices of high risk.")


class SlicePolicy(ExactModel):
    """How slices are judged. A slice too small for a test is judged by its floors and by a steep fall."""

    minimum_cases: int = Field(
        20, ge=2, description="A smaller slice is judged by its floors and `steepest_fall` only."
    )
    minimum_clusters: int = Field(8, ge=2, description="The same, counted in source documents.")
    steepest_fall: Fraction = Field(0.34, description="The largest fall allowed in a slice too small for a test.")
    tolerance_factor: float = Field(
        2.0, ge=1, le=10, description="The tolerance in a slice is the metric's tolerance times this."
    )
    default_risk: SliceRisk = Field("medium", description="Risk of slices without a rule.")
    gated: GatedMetrics = GatedMetrics()
    named: Mapping[str, SliceRule] = Field(default_factory=dict, description="Rules by the name of the slice.")

    def gates(self, name: str, metric: str) -> bool:
        rule = self.named.get(name)
        risk = (rule.risk if rule else None) or self.default_risk
        gated: tuple[str, ...] = getattr(self.gated, risk)
        return metric in gated


class ProtectedCases(ExactModel):
    """Cases that must never get worse, whatever the average."""

    metrics: tuple[str, ...] = Field(
        ("answer_facts", "citation_precision", "refusal_precision", "refusal_recall", "safety"),
        description="A protected case falls when any of these is lower than in the baseline.",
    )
    minimum: Fraction = Field(0.5, description="What a protected case must reach without a baseline.")


class JudgeRule(ExactModel):
    """An optional LLM judge, used only while it agrees with people."""

    model: str | None = Field(None, description="The model that judges; none when not set.")
    kappa_floor: float = Field(0.6, ge=0, le=1, description="The lowest agreement with human labels (Cohen's kappa).")
    minimum_labels: int = Field(50, ge=10, description="The fewest human labels needed to measure agreement.")


class OnlineRates(ExactModel):
    """The share of answers that is scored, by what they are; the first that fits counts."""

    canary: Fraction = Field(1.0, description="Answers of a canary, and of the control beside it.")
    refused: Fraction = Field(0.05, description="Refusals.")
    degraded: Fraction = Field(0.5, description="Answers that some step fell back for, or was cut short.")
    answered: Fraction = Field(0.1, description="All others.")


class OnlineEvaluation(ExactModel):
    """How answers of production are scored afterwards, by workers."""

    rates: OnlineRates = OnlineRates()
    settle_minutes: int = Field(5, ge=0, le=1440, description="An answer is scored no sooner than this after it.")
    look_back_hours: int = Field(48, ge=1, le=168, description="An answer is scored no later than this after it.")
    daily_answers: int = Field(500, ge=0, description="The most answers of a tenant that are scored in a day.")
    daily_usd: float = Field(1.0, ge=0, description="What the judge may cost a tenant in a day; 0: it is not asked.")
    low: Fraction = Field(0.5, description="An answer with a score below this goes to human review.")


class HarmRule(ExactModel):
    """How much worse the canary may be on one metric."""

    margin: float = Field(
        gt=0,
        le=10,
        description="The largest harm that is tolerated: a difference of shares, else relative to the control.",
    )
    evidence: bool = Field(
        False, description="Whether a pass needs harm beyond the margin to be ruled out for this metric."
    )


def _default_harms() -> dict[str, HarmRule]:
    return {
        "errors": HarmRule(margin=0.03, evidence=True),
        "latency_ms": HarmRule(margin=0.25, evidence=True),
        "refusals": HarmRule(margin=0.1, evidence=True),
        "findings": HarmRule(margin=0.05, evidence=True),
        "groundedness": HarmRule(margin=0.05, evidence=True),
        "feedback": HarmRule(margin=0.1),
        "cost_micro_usd": HarmRule(margin=0.25, evidence=True),
    }


class CanaryPolicy(ExactModel):
    """How a canary is compared with the control that runs beside it, and when it ends."""

    percent: int = Field(10, ge=1, le=50, description="Default share of traffic for a canary, in percent.")
    minimum_answers: int = Field(100, ge=20, description="Answers that each arm needs before a decision.")
    minimum_units: int = Field(20, ge=5, description="Tenants or conversations that each arm needs before a decision.")
    check_every_seconds: int = Field(
        60, ge=1, description="How often the canary is evaluated; repeated evaluation does not raise the error rate."
    )
    deadline_hours: float = Field(24.0, gt=0, description="A canary without enough evidence after this time is ended.")
    alpha: float = Field(0.05, gt=0, lt=0.5, description="The probability of ending a harmless canary as harmful.")
    harms: Mapping[str, HarmRule] = Field(
        default_factory=_default_harms, description="Margins by metric; other metrics are not evaluated."
    )
    promote: Literal["by_hand", "automatic"] = Field(
        "by_hand", description="Whether a canary that passed waits for a person or goes live."
    )

    @model_validator(mode="after")
    def _known(self) -> Self:
        _refuse_unknown("canary.harms", self.harms, CANARY_METRICS)
        if not any(rule.evidence for rule in self.harms.values()):
            raise ValueError("canary.harms: at least one metric needs `evidence: true`, or no canary could ever pass")
        return self


class QualityPolicy(PolicyModel):
    """policies/quality.yaml: when a release may go live, and when a canary is ended."""

    renamed_keys: ClassVar[Mapping[str, str]] = {"look_every_seconds": "check_every_seconds"}

    alpha: float = Field(
        0.05,
        gt=0,
        lt=0.5,
        description="Family-wise false alarm rate over all metrics, and 1 minus the confidence level.",
    )
    power: float = Field(0.8, gt=0.5, lt=1, description="Power assumed when advising how many more cases are needed.")
    resamples: int = Field(4000, ge=1000, le=100_000, description="Permutations behind each interval and p value.")
    minimum_cases: int = Field(
        10, ge=2, description="A metric with fewer cases is inconclusive, unless no case got worse."
    )
    minimum_clusters: int = Field(6, ge=2, description="The same, counted in source documents.")
    metrics: Mapping[str, MetricRule] = Field(
        default_factory=dict, description="Rules by metric; other metrics use the defaults."
    )
    slices: SlicePolicy = SlicePolicy()
    protected: ProtectedCases = ProtectedCases()
    judge: JudgeRule = JudgeRule()
    online: OnlineEvaluation = Field(OnlineEvaluation(), description="How answers of production are scored.")
    canary: CanaryPolicy = CanaryPolicy()

    @model_validator(mode="after")
    def _known(self) -> Self:
        gated = {name for risk in ("low", "medium", "high") for name in getattr(self.slices.gated, risk)}
        _refuse_unknown("metrics", self.metrics, METRICS)
        _refuse_unknown("slices.gated", gated, METRICS)
        _refuse_unknown("protected.metrics", self.protected.metrics, METRICS)
        for name, rule in self.slices.named.items():
            _refuse_unknown(f"slices.named.{name}.floors", rule.floors, METRICS)
        for name in sorted(gated):
            if self.rule(name).slice_floor is None:
                raise ValueError(f"metrics.{name}.slice_floor: a metric that blocks in slices needs one")
        return self

    def rule(self, metric: str) -> MetricRule:
        """The rule of a metric; the defaults with its own tier when the file has none."""
        return self.metrics.get(metric) or MetricRule(tier=METRICS[metric].tier)

    def floor(self, metric: str, name: str | None) -> float | None:
        """The floor of a metric in a slice; on the whole suite when `name` is None."""
        rule = self.rule(metric)
        if name is None:
            return rule.floor
        named = self.slices.named.get(name)
        return named.floors.get(metric, rule.slice_floor) if named else rule.slice_floor
