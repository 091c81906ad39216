"""`app serve` without monitoring: no metric counts, and no trace is recorded.

Run by monitoring_cost.py.
"""

import os
import sys
from typing import Any

from prometheus_client import Counter, Gauge, Histogram

from app.__main__ import main


def switch_off() -> None:
    """Makes every metric of this process do nothing; the calls to it remain."""

    def nothing(*_: Any, **__: Any) -> None: ...

    for kind, methods in (
        (Counter, ("inc",)),
        (Gauge, ("inc", "dec", "set", "set_function")),
        (Histogram, ("observe",)),
    ):
        kind.labels = lambda self, *_, **__: self  # type: ignore[method-assign]
        for method in methods:
            setattr(kind, method, nothing)


if __name__ == "__main__":
    os.environ["OTEL_SDK_DISABLED"] = "true"
    switch_off()
    sys.argv[1:] = ["serve", *sys.argv[1:]]
    main()
