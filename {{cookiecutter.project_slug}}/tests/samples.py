"""What the metrics of this process have counted so far, as GET /metrics shows it."""

from prometheus_client import REGISTRY


def total(sample: str, **labels: str) -> float:
    """The sum of a sample over everything that has these labels. sample: with its ending, as `_total` or `_count`."""
    return sum(
        each.value
        for family in REGISTRY.collect()
        for each in family.samples
        if each.name == sample and labels.items() <= each.labels.items()
    )
