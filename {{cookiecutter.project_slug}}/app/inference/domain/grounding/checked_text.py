"""Checks a model's text sentence by sentence before it is sent."""

from collections.abc import Iterable, Sequence

from app.core.ownership import RiskTier
from app.inference.domain.grounding.citations import CitationFilter, NoAnswerDetector
from app.inference.domain.grounding.extractive import Readable
from app.inference.domain.grounding.groundedness import NO_SENTENCES, GroundingResult, check_grounding
from app.inference.domain.grounding.sentence_breaks import first_break
from app.safety.domain.output_filter import OutputFilter, SentenceFilter
from app.safety.domain.output_filter.link_filter import closes_its_code, outside_code
from app.safety.domain.text import Finding, normalise

OUTPUT_FILTER = OutputFilter()
"""The output filter with its default policy."""


class CheckedText:
    """A model's text, released sentence by sentence as each is checked.

    A supported sentence is released once the share of supported sentences so far reaches what the risk tier requires;
    until then sentences are buffered, at the latest until the end, when the share of the whole text decides. The output
    filter masks and removes what may not leave; from the first sentence that leaks the prompt on, nothing is released.
    At risk tier high everything is buffered until the end. results: texts that can support a sentence but are not
    cited, such as tool results. canary: the one in the prompt. language: of the question, and so of the text.

    Each sentence is checked once, however the text is split into pieces.
    """

    def __init__(
        self,
        passages: Sequence[Readable],
        tier: RiskTier,
        prompt: str,
        results: Sequence[Readable] = (),
        output: OutputFilter = OUTPUT_FILTER,
        canary: str = "",
        language: str = "en",
    ) -> None:
        self._readable = [*passages, *results]
        self._tier: RiskTier = tier
        self._mask, self._language = output.mask, language
        self._no_answer_detector, self._markers = NoAnswerDetector(), CitationFilter(len(passages))
        self._filter = output.sentences(prompt, [each.text for each in self._readable], canary)
        self._trusts_code = True
        self._written: list[str] = []
        self._unread = ""
        self._released: list[str] = []
        self._buffered: list[str] = []
        self._unsupported = 0
        self._findings: dict[str, Finding] = {}
        self._grounding_so_far = self.grounding = NO_SENTENCES

    @property
    def written(self) -> str:
        """Everything that the model wrote."""
        return "".join(self._written)

    @property
    def text(self) -> str:
        """The text released so far."""
        return "".join(self._released)

    @property
    def no_answer(self) -> bool:
        return self._no_answer_detector.no_answer

    @property
    def leaked(self) -> bool:
        """Whether the text broke off because it contains what may not leave in any form."""
        return self._filter.stopped

    @property
    def refused(self) -> bool:
        """Whether the output policy refuses the whole text."""
        return self._filter.refused

    @property
    def removals(self) -> tuple[str, ...]:
        """The kinds of what was taken out, as reasons why the answer is degraded."""
        return removal_reasons(self._filter)

    @property
    def unsupported_withheld(self) -> bool:
        """Whether sentences were withheld at the end because too few are supported."""
        return bool(self._buffered)

    @property
    def findings(self) -> tuple[Finding, ...]:
        counts = (
            ("invented_citation", "citations of passages that do not exist were removed", self._markers.invented),
            ("unsupported_sentence", "no passage supports these sentences", self._unsupported),
        )
        return (*self._findings.values(), *_counted(counts), *self.attacks)

    @property
    def attacks(self) -> tuple[Finding, ...]:
        """What the output filter found; reported even when none of the text is released."""
        return self._filter.findings

    def feed(self, piece: str) -> str:
        """Adds a piece; returns the text that is released by it."""
        self._written.append(piece)
        if self.leaked:
            return ""
        self._unread += self._no_answer_detector.feed(piece)
        return self._advance(ended=False)

    def end(self) -> str:
        """Ends the text; returns what is released of the rest."""
        self._unread = (self._unread + self._no_answer_detector.end()).rstrip()
        released = self._advance(ended=True)
        return released + self._release() if self._buffered and self._grounding_so_far.enough(self._tier) else released

    def _advance(self, ended: bool) -> str:
        released = ""
        while not self.leaked and (at := first_break(self._unread, ended, self._language)):
            sentence, self._unread = self._unread[:at], self._unread[at:]
            released += self._check(sentence)
        return released

    def _check(self, raw: str) -> str:
        text = self._with_real_citations(self._clean(raw))
        masked = self._mask(text)
        kept = self._filter.passes(masked)
        if self._filter.stopped or self._filter.refused:
            self._buffered.clear()
        if not kept or self._filter.refused:
            return ""
        grounding = check_grounding(self._filter.words(kept) if masked == text else text, self._readable)
        self._unsupported += grounding.unsupported
        self._grounding_so_far += grounding
        self._buffered.append(kept)
        return self._release() if self._may_release(grounding) else ""

    def _may_release(self, newest: GroundingResult) -> bool:
        supported = bool(newest.supports) and not newest.unsupported
        early = self._tier != "high" and not self._filter.may_go_on
        return early and supported and self._grounding_so_far.enough(self._tier)

    def _release(self) -> str:
        self.grounding = self._grounding_so_far
        text = "".join(self._buffered)
        self._buffered.clear()
        text = text if self._released else text.lstrip()
        self._released.append(text)
        return text

    def _clean(self, raw: str) -> str:
        clean = normalise(raw)
        for finding in clean.findings:
            self._findings.setdefault(finding.rule, finding)
        return clean.text

    def _with_real_citations(self, text: str) -> str:
        self._trusts_code &= closes_its_code(text)
        return outside_code(text, self._resolve) if self._trusts_code else self._resolve(text)

    def _resolve(self, text: str) -> str:
        return self._markers.feed(text) + self._markers.end()


_REASONS = {
    "prompt_leak": "prompt_leak",
    "other_tenant": "prompt_leak",
    "output_link": "link_removed",
    "secret": "secret_masked",
}


def removal_reasons(sentences: SentenceFilter) -> tuple[str, ...]:
    """The kinds of what the output filter took out, as reasons why an answer is degraded."""
    return tuple(dict.fromkeys(_REASONS[kind] for kind in sentences.removed_kinds if kind in _REASONS))


def _counted(counts: Iterable[tuple[str, str, int]]) -> tuple[Finding, ...]:
    return tuple(Finding(rule, detail, count) for rule, detail, count in counts if count)
