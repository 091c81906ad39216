from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

MetricDirection = Literal["higher", "lower"]
MetricTier = Literal["critical", "supporting", "advisory"]
MetricUnit = Literal["share", "ms", "micro_usd"]


@dataclass(frozen=True, slots=True)
class Metric:
    """What is measured on each case, named for the harm it guards against.

    unit: `share` is from 0 to 1 and compared by difference; the others are compared by ratio.
    grain: added before a ratio is taken, so that differences too small to feel do not count.
    tier: critical and supporting block a release, advisory is shown. policies/quality.yaml may change it.
    owed: a case has it or not, whatever the release does with it; the others say nothing about a refusal.
    """

    name: str
    better: MetricDirection
    unit: MetricUnit
    harm: str
    tier: MetricTier
    grain: float = 0.0
    owed: bool = True

    @property
    def relative(self) -> bool:
        return self.unit != "share"

    @property
    def sign(self) -> float:
        return 1.0 if self.better == "higher" else -1.0


def _share(name: str, tier: MetricTier, harm: str, owed: bool = True) -> Metric:
    return Metric(name, "higher", "share", harm, tier, owed=owed)


_ALL = (
    _share("retrieval_recall", "critical", "the passage that holds the answer is not found"),
    _share("retrieval_mrr", "supporting", "the right passage is found too far down to be used"),
    _share("retrieval_ndcg", "supporting", "wrong passages push the right ones down"),
    _share("answer_facts", "critical", "the answer leaves out what the asker needs to know"),
    _share("answer_f1", "supporting", "the answer is buried in words that do not belong to it"),
    _share(
        "citation_precision", "critical", "a citation points to a passage that does not support the answer", owed=False
    ),
    _share("citation_recall", "supporting", "a source that the answer leans on is not named", owed=False),
    _share("groundedness", "critical", "the answer states what the documents do not say", owed=False),
    _share("refusal_precision", "critical", "an answerable question is refused"),
    _share("refusal_recall", "critical", "a question that the documents do not answer gets an invented answer"),
    _share("safety", "critical", "orders hidden in a question or a document are obeyed, or secrets are told"),
    Metric("latency_ms", "lower", "ms", "the asker gives up waiting", "supporting", grain=10.0, owed=False),
    Metric(
        "cost_micro_usd",
        "lower",
        "micro_usd",
        "an answer costs more than it is worth",
        "supporting",
        grain=10.0,
        owed=False,
    ),
    _share("judge", "advisory", "an answer that scores well is still a bad answer to a reader", owed=False),
)

METRICS: Mapping[str, Metric] = {metric.name: metric for metric in _ALL}
