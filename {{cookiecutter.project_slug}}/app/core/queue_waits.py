"""How long work that is ready waits in the queues inside this process, measured without a baseline."""

from dataclasses import dataclass, field
from typing import Final

LOOP: Final = "event loop"
DATABASE: Final = "database"


@dataclass
class QueueWaits:
    """The shortest wait in each queue since the last `drain`, such as for the event loop or a database connection.

    A queue in which one request did not have to wait is a burst; one in which all waited is standing, and costs time
    without adding throughput (CoDel).
    """

    _shortest: dict[str, float] = field(default_factory=dict)

    def note(self, queue: str, seconds: float) -> None:
        known = self._shortest.get(queue)
        if known is None or seconds < known:
            self._shortest[queue] = seconds

    def drain(self) -> float:
        """The longest standing wait of any queue, in seconds; begins the next interval."""
        longest = max(self._shortest.values(), default=0.0)
        self._shortest.clear()
        return longest
