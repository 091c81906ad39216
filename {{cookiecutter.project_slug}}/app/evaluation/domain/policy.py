from collections.abc import Iterable, Mapping
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from app.core.policies import PolicyModel
from app.evaluation.domain.metrics import METRICS, MetricTier

SliceRisk = Literal["low", "medium", "high"]
Fraction = Annotated[float, Field(ge=0, le=1)]
CANARY_METRICS = ("errors", "latency_ms", "refusals", "findings", "groundedness", "feedback", "cost_micro_usd")


def _refuse_unknown(where: str, names: Iterable[str], known: Iterable[str]) -> None:
    wrong = sorted(set(names) - set(known))
    if wrong:
        raise ValueError(f"{where}: there is no metric called {wrong[0]}; known are {', '.join(known)}")


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class MetricRule(_Section):
    """How much one metric may move before a release is stopped."""

    tier: MetricTier = Field(
        "supporting", description="Critical and supporting metrics block a release; advisory ones are only shown."
    )
    tolerance: float = Field(
        0.05,
        ge=0,
        le=10,
        description="The largest fall that is put up with: points of a share; of latency and cost a share of before.",
    )
    floor: float | None = Field(
        None, ge=0, description="No release may be worse than this on the whole suite; for latency and cost, above it."
    )
    slice_floor: float | None = Field(None, ge=0, description="The same for every slice that names no floor itself.")


class SliceRule(_Section):
    """What a slice asks beyond the suite as a whole."""

    risk: SliceRisk | None = Field(
        None, description="How much harm a wrong answer does here; `default_risk` if not named."
    )
    floors: Mapping[str, float] = Field(default_factory=dict, description="Floors of this slice by metric.")


class GatedMetrics(_Section):
    """Metrics that are judged inside each slice, by the risk of the slice."""

    low: tuple[str, ...] = Field((), description="In slices of low risk.")
    medium: tuple[str, ...] = Field((), description="In slices of medium risk.")
    high: tuple[str, ...] = Field((), description="In slices of high risk.")


class SlicePolicy(_Section):
    """How parts of the suite are judged. A slice that is too small to compare is held to its floors."""

    minimum_cases: int = Field(20, ge=2, description="A smaller slice is judged by its floors and by a clear fall.")
    minimum_clusters: int = Field(8, ge=2, description="The same, in source documents.")
    steepest_fall: Fraction = Field(
        0.34, description="A slice too small to compare fails all the same when it falls by more than this."
    )
    tolerance_factor: float = Field(2.0, ge=1, le=10, description="A slice may fall by the tolerance times this.")
    default_risk: SliceRisk = Field("medium", description="Risk of slices that are not named.")
    gated: GatedMetrics = GatedMetrics()
    named: Mapping[str, SliceRule] = Field(default_factory=dict, description="Rules of a slice by its name.")

    def gates(self, name: str, metric: str) -> bool:
        rule = self.named.get(name)
        risk = (rule.risk if rule else None) or self.default_risk
        gated: tuple[str, ...] = getattr(self.gated, risk)
        return metric in gated


class ProtectedCases(_Section):
    """Cases that may never fall, whatever the average says."""

    metrics: tuple[str, ...] = Field(
        ("answer_facts", "citation_precision", "refusal_precision", "refusal_recall", "safety"),
        description="A protected case falls when any of these is lower than before.",
    )
    minimum: Fraction = Field(
        0.5, description="What a protected case must reach when there is nothing to compare it with."
    )


class JudgeRule(_Section):
    """A model that reads answers and scores them; optional, and believed only while it agrees with people."""

    model: str | None = Field(None, description="Which model judges; nobody judges while it is not named.")
    kappa_floor: float = Field(0.6, ge=0, le=1, description="The least agreement with human labels (Cohen's kappa).")
    minimum_labels: int = Field(50, ge=10, description="The fewest labels that agreement is computed from.")


class HarmRule(_Section):
    """How much worse the canary may be on one metric."""

    margin: float = Field(
        gt=0, le=10, description="The largest harm that is put up with: points of a share; else a share of the control."
    )
    evidence: bool = Field(
        False, description="The canary passes only once harm beyond the margin is ruled out for this metric."
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


class CanaryPolicy(_Section):
    """How a canary is compared with the control that runs beside it, and when it ends."""

    percent: int = Field(10, ge=1, le=50, description="Share of traffic that a canary gets unless told otherwise.")
    minimum_answers: int = Field(100, ge=20, description="Nothing is decided before each side gave this many answers.")
    minimum_units: int = Field(
        20, ge=5, description="Nor before each side served this many tenants or conversations; what sticks together."
    )
    look_every_seconds: int = Field(60, ge=1, description="How often the canary is looked at; looking costs nothing.")
    deadline_hours: float = Field(24.0, gt=0, description="A canary without enough evidence by then is ended.")
    alpha: float = Field(0.05, gt=0, lt=0.5, description="Chance that a harmless canary is ever ended as harmful.")
    harms: Mapping[str, HarmRule] = Field(
        default_factory=_default_harms, description="Margins by metric; a metric that is not named is not judged."
    )
    promote: Literal["by_hand", "automatic"] = Field(
        "by_hand", description="What happens to a canary that passed: it waits for a person, or goes live."
    )

    @model_validator(mode="after")
    def _known(self) -> Self:
        _refuse_unknown("canary.harms", self.harms, CANARY_METRICS)
        if not any(rule.evidence for rule in self.harms.values()):
            raise ValueError("canary.harms: at least one metric needs `evidence: true`, or nothing could ever pass")
        return self


class QualityPolicy(PolicyModel):
    """policies/quality.yaml: when a release is good enough to go live, and when it is taken back."""

    alpha: float = Field(
        0.05, gt=0, lt=0.5, description="Chance of a false alarm over all metrics, and 1 minus the level of intervals."
    )
    power: float = Field(0.8, gt=0.5, lt=1, description="Used to say how many more cases a decision would take.")
    resamples: int = Field(4000, ge=1000, le=100_000, description="Draws behind each interval and each p value.")
    minimum_cases: int = Field(
        10, ge=2, description="A metric with fewer cases cannot be decided, unless none changed."
    )
    minimum_clusters: int = Field(6, ge=2, description="The same, in source documents.")
    metrics: Mapping[str, MetricRule] = Field(
        default_factory=dict, description="Rules by metric; a metric that is not named is judged by the defaults."
    )
    slices: SlicePolicy = SlicePolicy()
    protected: ProtectedCases = ProtectedCases()
    judge: JudgeRule = JudgeRule()
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
                raise ValueError(f"metrics.{name}.slice_floor: a metric that is judged in slices needs one")
        return self

    def rule(self, metric: str) -> MetricRule:
        """The rule of a metric; its own tier and the defaults when the file does not name it."""
        return self.metrics.get(metric) or MetricRule(tier=METRICS[metric].tier)

    def floor(self, metric: str, name: str | None) -> float | None:
        """The floor of a metric in a slice; on the whole suite when `name` is None."""
        rule = self.rule(metric)
        if name is None:
            return rule.floor
        named = self.slices.named.get(name)
        return named.floors.get(metric, rule.slice_floor) if named else rule.slice_floor
