import math
from collections.abc import Mapping, Sequence


def recall(ranked: Sequence[str], gains: Mapping[str, float], depth: int = 10) -> float:
    """The share of the right ones among the first `depth`."""
    return sum(1 for name in ranked[:depth] if gains.get(name, 0) > 0) / len(gains)


def ndcg(ranked: Sequence[str], gains: Mapping[str, float], depth: int = 10) -> float:
    """Normalised discounted cumulative gain of the first `depth`."""
    got = sum(gains.get(name, 0.0) / math.log2(place + 2) for place, name in enumerate(ranked[:depth]))
    best = sorted(gains.values(), reverse=True)[:depth]
    return got / sum(gain / math.log2(place + 2) for place, gain in enumerate(best))


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` of the values lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
