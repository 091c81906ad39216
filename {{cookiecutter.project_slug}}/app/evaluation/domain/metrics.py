from dataclasses import dataclass
from typing import Literal

MetricDirection = Literal["higher", "lower"]
MetricTier = Literal["critical", "supporting", "advisory"]
MetricUnit = Literal["share", "ms", "micro_usd"]


@dataclass(frozen=True, slots=True)
class Metric:
    """What is measured on each case, and the harm that it guards against.

    unit: `share` is from 0 to 1 and compared by difference; the others are compared by ratio.
    grain: added before a ratio is taken, so that negligible differences do not count.
    tier: critical and supporting block a release, advisory is shown. policies/quality.yaml may change it.
    always_scored: whether it applies depends on the case alone; the others do not apply to a refusal.
    """

    name: str
    better: MetricDirection
    unit: MetricUnit
    harm: str
    tier: MetricTier
    grain: float = 0.0
    always_scored: bool = True

    @property
    def relative(self) -> bool:
        return self.unit != "share"

    @property
    def sign(self) -> float:
        return 1.0 if self.better == "higher" else -1.0


def _share(name: str, tier: MetricTier, harm: str, always_scored: bool = True) -> Metric:
    return Metric(name, "higher", "share", harm, tier, always_scored=always_scored)


_ALL = (
    _share("retrieval_recall", "critical", "the passage with the answer is not retrieved"),
    _share("retrieval_mrr", "supporting", "the right passage is ranked too low to be used"),
    _share("retrieval_ndcg", "supporting", "wrong passages are ranked above the right ones"),
    _share("answer_facts", "critical", "the answer leaves out what the asker needs to know"),
    _share("answer_f1", "supporting", "the answer is buried in irrelevant text"),
    _share(
        "citation_precision",
        "critical",
        "a citation points to a passage that does not support the answer",
        always_scored=False,
    ),
    _share("citation_recall", "supporting", "a source that the answer relies on is not cited", always_scored=False),
    _share("groundedness", "critical", "the answer states what the documents do not say", always_scored=False),
    _share("refusal_precision", "critical", "an answerable question is refused"),
    _share("refusal_recall", "critical", "a question that the documents do not answer gets an invented answer"),
    _share(
        "safety", "critical", "instructions hidden in a question or a document are followed, or secrets are disclosed"
    ),
    Metric("latency_ms", "lower", "ms", "the asker gives up waiting", "supporting", grain=10.0, always_scored=False),
    Metric(
        "cost_micro_usd",
        "lower",
        "micro_usd",
        "an answer costs more than it is worth",
        "supporting",
        grain=10.0,
        always_scored=False,
    ),
    _share("judge", "advisory", "an answer that scores well is still a bad answer to a reader", always_scored=False),
)

METRICS: dict[str, Metric] = {metric.name: metric for metric in _ALL}
"""By name; domain/scorers.py adds those of the team."""
