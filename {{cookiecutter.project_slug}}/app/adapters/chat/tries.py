"""The tries of one call: without a field that the provider refuses, and with another key where it rejects one."""

from dataclasses import dataclass, field, replace

import orjson
import structlog

from app.adapters.chat.fields import LIMITS, FieldRules, LearnedRules
from app.adapters.chat.keys import KeyRing
from app.adapters.chat.refusals import lasts, loggable, refused_fields
from app.adapters.chat.wire import body_of
from app.core.telemetry import counter
from app.llm.domain.errors import AuthenticationFailed, ContentFiltered, ErrorReply, ModelFailure, ModelOverloaded
from app.llm.domain.messages import ChatRequest, CompletionEnd

MAX_REFUSALS = 6
_OF_A_KEY = (401, 402, 403, 429)
_OF_THE_PROVIDER = ("overload", "capacity")

REFUSED = counter("app_model_fields_refused_total", "Request fields that a model refused", ("model", "field"))
SET_ASIDE = counter("app_model_keys_set_aside_total", "API keys that a provider rejected", ("model", "reason"))
log = structlog.get_logger(__name__)


@dataclass
class Tries:
    """What the next try of a call sends. Every try is within the deadline of the call, and none is a failure of the
    model as long as another can follow. No field and no key is tried again, so that their number is bounded.
    """

    name: str
    url: str
    model: str
    request: ChatRequest
    stream: bool
    rules: FieldRules
    learned: LearnedRules
    ring: KeyRing
    _sent: frozenset[str] = frozenset()
    _left_out: tuple[str, ...] = ()
    _refused: set[str] = field(default_factory=set)
    _learnt: FieldRules = field(default_factory=FieldRules)
    _rejected: set[int] = field(default_factory=set)
    _overload: ModelFailure | None = None

    def __post_init__(self) -> None:
        self.rules = self.learned.of(self.url, self.model, self.rules)
        self.key = self.ring.take() or 0

    def body(self) -> bytes:
        asked = body_of(self.request, self.model, self.stream)
        body = self.rules.apply(asked)
        self._sent = frozenset(body)
        renamed = self.rules.rename
        self._left_out = () if body is asked else tuple(each for each in asked if renamed.get(each, each) not in body)
        return orjson.dumps(body)

    @property
    def streams(self) -> bool:
        """Whether a stream is asked for, rather than a reply in one piece."""
        return self.stream and "stream" not in self.rules.omit

    def succeeded(self, end: CompletionEnd) -> CompletionEnd:
        """The provider accepted the last try: what it refused before is not sent to it any more. Returns how the reply
        ended, with the fields that were left out.
        """
        if self._learnt != FieldRules():
            self.learned.learn(self.url, self.model, self._learnt)
        return replace(end, left_out=self._left_out) if self._left_out else end

    def again(self, failure: ModelFailure) -> bool:
        """Whether the call can be tried in another way after this failure."""
        if failure.reply is None or isinstance(failure, ContentFiltered):
            return False
        return self._without_fields(failure.reply) or self._with_another_key(failure, failure.reply)

    def final(self, failure: ModelFailure) -> ModelFailure:
        """The failure of the call after its last try: an overload, if it was one with any key."""
        if len(self.ring) > 1 and self._rejected and isinstance(failure, AuthenticationFailed | ModelOverloaded):
            failure = self._overload or failure
            failure.retry_after = self.ring.wait or failure.retry_after
        return failure

    def _without_fields(self, error: ErrorReply) -> bool:
        changes = {name: change for name in self._new(error) if (change := self.rules.change_for(name))}
        if not changes or len(self._refused) + len(changes) > MAX_REFUSALS:
            return False
        self._refused.update(changes)
        for name, change in changes.items():
            self.rules = self.rules.merged(change)
            if lasts(error, name):
                self._learnt = self._learnt.merged(change)
            self._log_refused_field(name, error)
        return True

    def _new(self, error: ErrorReply) -> list[str]:
        """The refused fields for which nothing else has been tried in this call."""
        named = refused_fields(error, self._sent)
        return [name for name in named if not {name, LIMITS.get(name)} & self._refused]

    def _log_refused_field(self, name: str, error: ErrorReply) -> None:
        REFUSED.labels(self.name, name).inc()
        other = LIMITS.get(name)
        option = f'set rename to {{"max_tokens": "{other}"}}' if other else f'add "{name}" to omit'
        log.warning(
            "llm.field_refused",
            model=self.name,
            field=name,
            renamed_to=other,
            status=error.status,
            words=loggable(error, self.request, self._sent),
            advice=f"To save the refused call, {option} for this model in APP_MODEL_CHAIN.",
        )

    def _with_another_key(self, failure: ModelFailure, error: ErrorReply) -> bool:
        if len(self.ring) < 2 or not _is_of_the_key(failure, error):
            return False
        self._rejected.add(self.key)
        if isinstance(failure, ModelOverloaded):
            self._overload = failure
        seconds = self.ring.set_aside(self.key, failure.retry_after)
        SET_ASIDE.labels(self.name, failure.reason).inc()
        place = f"{self.key + 1} of {len(self.ring)}"
        log.warning(
            "llm.key_set_aside", model=self.name, key=place, reason=failure.reason, status=error.status, seconds=seconds
        )
        other = self.ring.take(self._rejected)
        if other is None or self.ring.rests(other):
            return False
        self.key = other
        return True


def _is_of_the_key(failure: ModelFailure, error: ErrorReply) -> bool:
    """Whether another key may help: not where the provider itself has too much to do."""
    words = f"{failure} {error.text}".lower()
    return error.status in _OF_A_KEY and (
        isinstance(failure, AuthenticationFailed)
        or (isinstance(failure, ModelOverloaded) and not any(word in words for word in _OF_THE_PROVIDER))
    )
