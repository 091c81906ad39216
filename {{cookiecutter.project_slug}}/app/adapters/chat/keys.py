"""Several API keys of one provider."""

from collections.abc import Collection

from app.core.clock import Clock

REST_SECONDS = 60.0
MAX_REST_SECONDS = 3600.0


class KeyRing:
    """The places of a model's API keys, used in turn. A key that its provider rejects rests for a while; the calls go
    to the others. At least one place: a model without a key has one, too.
    """

    def __init__(self, count: int, clock: Clock) -> None:
        self._clock = clock
        self._free_at = [0.0] * max(1, count)
        self._last = -1

    def __len__(self) -> int:
        return len(self._free_at)

    def take(self, tried: Collection[int] = ()) -> int | None:
        """The next key that does not rest, or the one that rests the shortest; None when all have been tried."""
        count = len(self)
        if count == 1:
            return None if tried else 0
        places = [each % count for each in range(self._last + 1, self._last + 1 + count) if each % count not in tried]
        if not places:
            return None
        now = self._clock.monotonic()
        self._last = next((each for each in places if self._free_at[each] <= now), -1)
        if self._last < 0:
            self._last = min(places, key=self._free_at.__getitem__)
        return self._last

    def rests(self, place: int) -> bool:
        return self._free_at[place] > self._clock.monotonic()

    def set_aside(self, place: int, seconds: float | None) -> float:
        """Let a key rest. seconds: as the provider asks, a minute by default. Returns for how long it rests."""
        rest = min(REST_SECONDS if seconds is None else seconds, MAX_REST_SECONDS)
        # Calls at the same time are told different times.
        self._free_at[place] = max(self._free_at[place], self._clock.monotonic() + rest)
        return rest

    @property
    def wait(self) -> float:
        """Seconds until a key is free."""
        return max(0.0, min(self._free_at) - self._clock.monotonic())
