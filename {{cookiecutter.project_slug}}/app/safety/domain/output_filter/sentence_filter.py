"""The filter of a model's text, sentence by sentence."""

from collections.abc import Sequence
from itertools import chain

from app.core.redaction import SensitiveSpan, TextDetector, mask_spans, spans_in
from app.core.secret_patterns import KEY_BEGINS, KEY_BODY, KEY_ENDS
from app.safety.domain.output_filter.canary import canaries_in, has_part_of
from app.safety.domain.output_filter.described_instructions import describes_instructions
from app.safety.domain.output_filter.hidden_spelling import ends_spelling, hides_token, spelled
from app.safety.domain.output_filter.link_filter import LinkFilter
from app.safety.domain.output_policy import OutputPolicy
from app.safety.domain.prompt_overlap import may_go_on, overlaps_prompt, views_of
from app.safety.domain.text import Finding

WINDOW = 600
"""Characters before a sentence that are examined with it, for what leaks bit by bit."""
TAIL = 200
"""Characters before a sentence in which a credential may begin that ends in it."""

_DETAILS = {
    "output_link.removed": "sentences with addresses in no document were taken out",
    "output_link.parted": "links were neutralised",
    "prompt_leak": "the rest repeats the instructions and was removed",
    "prompt_leak.described": "sentences that describe the instructions were taken out",
    "other_tenant": "what follows has the mark of another tenant and was taken out",
    "secret.hidden": "what follows contains an encoded secret and was taken out",
}


class _Stopped(Exception):
    """Nothing of the text may be sent from here on."""

    def __init__(self, rule: str) -> None:
        self.rule = rule


class SentenceFilter:
    """Passes the sentences of one text, in order, as the output policy permits.

    prompt: the instructions that the model was given. known: texts whose addresses may be repeated without being
    linked. canary: the one in the prompt. detectors: what they find is treated as the policy says of its kind.
    """

    def __init__(
        self,
        policy: OutputPolicy,
        detectors: Sequence[TextDetector],
        prompt: str,
        known: Sequence[str],
        canary: str = "",
    ) -> None:
        self._policy, self._detectors = policy, detectors
        self._prompt, self._known, self._canary = prompt, known, canary
        self._links = LinkFilter(known, policy.link_hosts)
        self._window = self._tail = ""
        self._in_key = False
        self._counts: dict[str, int] = {}
        self.stopped = False

    @property
    def refused(self) -> bool:
        """Whether a refusal takes the place of the whole text."""
        return any(self._policy.action(finding.rule) == "refuse" for finding in self.findings)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What was found so far. None quotes the text."""
        links = {"output_link.removed": self._links.removed, "output_link.parted": self._links.parted}
        counts = {**links, **self._counts}
        return tuple(Finding(rule, _detail(rule), count) for rule, count in counts.items() if count)

    @property
    def removed_kinds(self) -> tuple[str, ...]:
        """The kinds of findings for which the text was changed in more than its spaces."""
        rules = (finding.rule for finding in self.findings if finding.rule != "output_link.parted")
        return tuple(dict.fromkeys(rule.partition(".")[0] for rule in rules))

    @property
    def may_go_on(self) -> bool:
        """Whether the next text could complete what may not leave, so that this one has to wait for it."""
        return may_go_on(self._window, self._prompt) or ends_spelling(self._window)

    def passes(self, text: str) -> str:
        """What may be sent of a sentence: all of it, a part, or nothing. After `stopped` nothing is."""
        if self.stopped:
            return ""
        try:
            return self._permitted(text)
        except _Stopped as stop:
            self.stopped = True
            self._count(stop.rule)
            return ""

    def words(self, passed: str) -> str:
        """What a reader sees of a text that has passed: its links by their labels."""
        return self._links.permitted.labels(passed)

    def _permitted(self, text: str) -> str:
        spans, in_key = self._spans(text), self._continues_key(text)
        masked = mask_spans(text, spans)
        self._window = (self._window + masked)[-WINDOW - len(masked) :]
        self._check_window()
        for span in spans:
            self._count(span.rule)
        if in_key or any(self._policy.action(span.rule) in ("remove", "refuse") for span in spans):
            return ""
        if describes_instructions(masked, self._known):
            self._count("prompt_leak.described")
            return ""
        return self._links.passes(masked)

    def _check_window(self) -> None:
        views = [*views_of(self._window), *spelled(self._window)]
        if canaries := self._canaries(views):
            raise _Stopped("prompt_leak" if self._canary in canaries else "other_tenant")
        if any(has_part_of(self._canary, view) for view in (self._window, *views)):
            raise _Stopped("prompt_leak")
        if overlaps_prompt(self._window, self._prompt, views):
            raise _Stopped("prompt_leak")
        if hides_token(self._window, views):
            raise _Stopped("secret.hidden")

    def _canaries(self, views: Sequence[str]) -> frozenset[str]:
        return frozenset(chain.from_iterable(canaries_in(view) for view in (self._window, *views)))

    def _spans(self, text: str) -> list[SensitiveSpan]:
        """What the detectors find in the text, also where it begins in the text before."""
        tail, self._tail = self._tail, (self._tail + text)[-TAIL:]
        return _within(spans_in(tail + text, self._detectors), len(tail))

    def _continues_key(self, text: str) -> bool:
        """Whether a private key that began in a sentence before goes on in this one."""
        before, begins, ends = self._in_key, KEY_BEGINS.search(text), KEY_ENDS.search(text)
        self._in_key = (before or bool(begins)) and not ends
        return before and bool(KEY_BODY.search(text))

    def _count(self, rule: str) -> None:
        self._counts[rule] = self._counts.get(rule, 0) + 1


def _within(spans: Sequence[SensitiveSpan], start: int) -> list[SensitiveSpan]:
    """The parts of the spans from `start` on, as offsets from there."""
    later = (span for span in spans if span.end > start)
    return [SensitiveSpan(s.kind, s.rule, max(0, s.start - start), s.end - start) for s in later]


def _detail(rule: str) -> str:
    return (
        _DETAILS.get(rule) or f"{rule.partition('.')[2].replace('_', ' ') or rule}: such text was masked or taken out"
    )
