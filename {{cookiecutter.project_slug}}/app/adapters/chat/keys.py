"""Several API keys of one provider."""

from collections.abc import Collection

import structlog

from app.core.clock import Clock
from app.core.telemetry import counter
from app.llm.domain.errors import AuthenticationFailed, ModelFailure, ModelOverloaded

REST_SECONDS = 60.0
MAX_REST_SECONDS = 3600.0
_OF_A_KEY = (401, 402, 403, 429)
_OF_THE_PROVIDER = ("overload", "capacity")

SET_ASIDE = counter("app_model_keys_set_aside_total", "API keys that a provider rejected", ("model", "reason"))
log = structlog.get_logger(__name__)


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


class KeyTries:
    """The keys that one call tries, each at most once. key: the place of the current one."""

    def __init__(self, ring: KeyRing, model: str) -> None:
        self.ring, self._model = ring, model
        self.key = ring.take() or 0
        self._rejected: set[int] = set()
        self._overload: ModelFailure | None = None

    def another(self, failure: ModelFailure) -> bool:
        """Whether the call can be made with another key after this failure, for which the current one rests."""
        error = failure.reply
        if error is None or len(self.ring) < 2 or not _is_of_the_key(failure):
            return False
        self._rejected.add(self.key)
        if isinstance(failure, ModelOverloaded):
            self._overload = failure
        seconds = self.ring.set_aside(self.key, failure.retry_after)
        SET_ASIDE.labels(self._model, failure.reason).inc()
        place = f"{self.key + 1} of {len(self.ring)}"
        log.warning(
            "llm.key_set_aside",
            model=self._model,
            key=place,
            reason=failure.reason,
            status=error.status,
            seconds=seconds,
        )
        other = self.ring.take(self._rejected)
        if other is None or self.ring.rests(other):
            return False
        self.key = other
        return True

    def final(self, failure: ModelFailure) -> ModelFailure:
        """The failure of the call: an overload, if it was one with any key."""
        if self._rejected and isinstance(failure, AuthenticationFailed | ModelOverloaded):
            failure = self._overload or failure
            failure.retry_after = self.ring.wait or failure.retry_after
        return failure


def _is_of_the_key(failure: ModelFailure) -> bool:
    """Whether another key may help: not where the provider itself has too much to do."""
    error = failure.reply
    if error is None or error.status not in _OF_A_KEY:
        return False
    words = f"{failure} {error.text}".lower()
    return isinstance(failure, AuthenticationFailed) or (
        isinstance(failure, ModelOverloaded) and not any(word in words for word in _OF_THE_PROVIDER)
    )
