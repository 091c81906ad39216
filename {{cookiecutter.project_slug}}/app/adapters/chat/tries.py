"""The tries of one call: without a field that the provider refuses, and with another key where it rejects one."""

from dataclasses import dataclass, field, replace

import orjson
import structlog

from app.adapters.chat.fields import LIMITS, FieldRules, LearnedRules
from app.adapters.chat.keys import KeyRing, KeyTries
from app.adapters.chat.refusals import lasts, loggable, refused_fields
from app.adapters.chat.wire import body_of
from app.core.telemetry import counter
from app.llm.domain.errors import ContentFiltered, ErrorReply, ModelFailure
from app.llm.domain.messages import ChatRequest, CompletionEnd

MAX_REFUSALS = 6

REFUSED = counter("app_model_fields_refused_total", "Request fields that a model refused", ("model", "field"))
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

    def __post_init__(self) -> None:
        self.rules = self.learned.of(self.url, self.model, self.rules)
        self.keys = KeyTries(self.ring, self.name)

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
        return self._without_fields(failure.reply) or self.keys.another(failure)

    def final(self, failure: ModelFailure) -> ModelFailure:
        """The failure of the call after its last try."""
        return self.keys.final(failure)

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
