"""Checks a model's text sentence by sentence before it is sent."""

from collections.abc import Callable, Iterable, Sequence

from app.core.ownership import RiskTier
from app.inference.domain.grounding.citations import CitationFilter, NoAnswerDetector
from app.inference.domain.grounding.extractive import Readable
from app.inference.domain.grounding.groundedness import NO_SENTENCES, GroundingResult, check_grounding
from app.inference.domain.grounding.sentence_breaks import first_break
from app.safety.domain.output_links import LinkFilter, closes_its_code, outside_code
from app.safety.domain.prompt_overlap import may_go_on, overlaps_prompt
from app.safety.domain.text import Finding, normalise

LEAK_WINDOW = 600
"""Characters before a sentence that are checked with it, for a prompt that leaks bit by bit."""


class CheckedText:
    """A model's text, released sentence by sentence as each is checked.

    A supported sentence is released once the share of supported sentences so far reaches what the risk tier requires;
    until then sentences are buffered, at the latest until the end, when the share of the whole text decides. Sentences
    with links that are in no document are removed. From the first sentence that leaks the prompt on, nothing is
    released. At risk tier high everything is buffered until the end. results: texts that can support a sentence but
    are not cited, such as tool results. mask: what is done to a sentence after it is checked.

    Each sentence is checked once, however the text is split into pieces.
    """

    def __init__(
        self,
        passages: Sequence[Readable],
        tier: RiskTier,
        prompt: str,
        results: Sequence[Readable] = (),
        mask: Callable[[str], str] = str,
    ) -> None:
        self._readable = [*passages, *results]
        self._tier: RiskTier = tier
        self._prompt = prompt
        self._mask = mask
        self._no_answer_detector, self._markers = NoAnswerDetector(), CitationFilter(len(passages))
        self._links = LinkFilter([each.text for each in self._readable])
        self._trusts_code = True
        self._written: list[str] = []
        self._unread = self._window = ""
        self._released: list[str] = []
        self._buffered: list[str] = []
        self._unsupported = 0
        self._findings: dict[str, Finding] = {}
        self._grounding_so_far = self.grounding = NO_SENTENCES
        self.leaked = False

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
    def links_removed(self) -> bool:
        return self._links.removed > 0

    @property
    def unsupported_withheld(self) -> bool:
        """Whether sentences were withheld at the end because too few are supported."""
        return bool(self._buffered)

    @property
    def findings(self) -> tuple[Finding, ...]:
        counts = (
            ("invented_citation", "citations of nothing were taken out", self._markers.invented),
            ("unsupported_sentence", "no passage supports these sentences", self._unsupported),
        )
        return (*self._findings.values(), *_counted(counts), *self.attacks)

    @property
    def attacks(self) -> tuple[Finding, ...]:
        """Signs of an attack on the model; reported even when none of its text is released."""
        return _counted(
            (
                ("output_link.removed", "sentences with addresses in no document were taken out", self._links.removed),
                ("output_link.parted", "links were parted into plain characters", self._links.parted),
                ("prompt_leak", "what follows tells of the instructions and was taken out", int(self.leaked)),
            )
        )

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
        while not self.leaked and (at := first_break(self._unread, ended)):
            sentence, self._unread = self._unread[:at], self._unread[at:]
            released += self._check(sentence)
        return released

    def _check(self, raw: str) -> str:
        text = self._with_real_citations(self._clean(raw))
        self._window = (self._window + text)[-LEAK_WINDOW - len(text) :]
        if overlaps_prompt(self._window, self._prompt):
            self.leaked = True
            self._buffered.clear()
            return ""
        masked = self._mask(text)
        if not (kept := self._links.passes(masked)):
            return ""
        grounding = check_grounding(kept if masked == text else text, self._readable)
        self._unsupported += grounding.unsupported
        self._grounding_so_far += grounding
        self._buffered.append(kept)
        return self._release() if self._may_release(grounding) else ""

    def _may_release(self, newest: GroundingResult) -> bool:
        supported = bool(newest.supports) and not newest.unsupported
        early = self._tier != "high" and not may_go_on(self._window, self._prompt)
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


def _counted(counts: Iterable[tuple[str, str, int]]) -> tuple[Finding, ...]:
    return tuple(Finding(rule, detail, count) for rule, detail, count in counts if count)
