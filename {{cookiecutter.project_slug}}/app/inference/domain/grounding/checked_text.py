"""A model's text on its way to the reader: cut into sentences, each of which leaves once it is checked."""

from collections.abc import Iterable, Sequence

from app.core.ownership import RiskTier
from app.inference.domain.grounding.citations import CitationFilter, NoAnswerDetector
from app.inference.domain.grounding.extractive import Readable
from app.inference.domain.grounding.groundedness import NO_SENTENCES, GroundingResult, check_grounding
from app.inference.domain.grounding.sentence_breaks import first_break
from app.safety.domain.output_links import LinkFilter, closes_its_code, outside_code
from app.safety.domain.prompt_overlap import may_go_on, overlaps_prompt
from app.safety.domain.text import Finding, normalise

LEAK_WINDOW = 600
"""Characters before a sentence that are looked at with it, for a prompt that is told bit by bit."""


class CheckedText:
    """A model's text, from which sentence after sentence leaves.

    A sentence that the evidence supports leaves at once; one that it does not waits, and what follows with it, until
    so much of the text up to a supported sentence is supported as the tier asks for, or until the end shows that of
    the whole. Sentences with addresses that are in no document never leave, and nothing does from the first on that
    tells of the prompt. At risk tier high everything waits for the end. told: what the text may lean on besides the
    passages, and cites nothing for.

    Each sentence is looked at once, however the text is cut into pieces.
    """

    def __init__(
        self, passages: Sequence[Readable], tier: RiskTier, prompt: str, results: Sequence[Readable] = ()
    ) -> None:
        self._readable = [*passages, *results]
        self._tier: RiskTier = tier
        self._prompt = prompt
        self._verdict, self._markers = NoAnswerDetector(), CitationFilter(len(passages))
        self._links = LinkFilter([each.text for each in self._readable])
        self._trusts_code = True
        self._written: list[str] = []
        self._rest = self._window = ""
        self._left: list[str] = []
        self._waiting: list[str] = []
        self._unsupported = 0
        self._findings: dict[str, Finding] = {}
        self._so_far = self.grounding = NO_SENTENCES
        self.leaked = False

    @property
    def written(self) -> str:
        """All that the model wrote."""
        return "".join(self._written)

    @property
    def text(self) -> str:
        """What has left."""
        return "".join(self._left)

    @property
    def no_answer(self) -> bool:
        return self._verdict.no_answer

    @property
    def links_removed(self) -> bool:
        return self._links.removed > 0

    @property
    def unsupported_withheld(self) -> bool:
        """Whether sentences were left out at the end because too little supports them."""
        return bool(self._waiting)

    @property
    def findings(self) -> tuple[Finding, ...]:
        found = (
            ("invented_citation", "citations of nothing were taken out", self._markers.invented),
            ("unsupported_sentence", "no passage supports these sentences", self._unsupported),
        )
        return (*self._findings.values(), *_counted(found), *self.attacks)

    @property
    def attacks(self) -> tuple[Finding, ...]:
        """What somebody may have made the model write; told also when nothing of its text leaves."""
        return _counted(
            (
                ("output_link.removed", "sentences with addresses in no document were taken out", self._links.removed),
                ("output_link.parted", "links were parted into plain characters", self._links.parted),
                ("prompt_leak", "what follows tells of the instructions and was taken out", int(self.leaked)),
            )
        )

    def feed(self, piece: str) -> str:
        """What may leave now."""
        self._written.append(piece)
        if self.leaked:
            return ""
        self._rest += self._verdict.feed(piece)
        return self._advance(ended=False)

    def end(self) -> str:
        """What may leave of the rest, now that the whole is there."""
        self._rest = (self._rest + self._verdict.end()).rstrip()
        left = self._advance(ended=True)
        return left + self._leave() if self._waiting and self._so_far.enough(self._tier) else left

    def _advance(self, ended: bool) -> str:
        left = ""
        while not self.leaked and (at := first_break(self._rest, ended)):
            sentence, self._rest = self._rest[:at], self._rest[at:]
            left += self._take(sentence)
        return left

    def _take(self, raw: str) -> str:
        text = self._with_real_citations(self._clean(raw))
        self._window = (self._window + text)[-LEAK_WINDOW - len(text) :]
        if overlaps_prompt(self._window, self._prompt):
            self.leaked = True
            self._waiting.clear()
            return ""
        if not (shown := self._links.passes(text)):
            return ""
        grounding = check_grounding(shown, self._readable)
        self._unsupported += grounding.unsupported
        self._so_far += grounding
        self._waiting.append(shown)
        return self._leave() if self._may_leave(grounding) else ""

    def _may_leave(self, newest: GroundingResult) -> bool:
        supported = bool(newest.supports) and not newest.unsupported
        early = self._tier != "high" and not may_go_on(self._window, self._prompt)
        return early and supported and self._so_far.enough(self._tier)

    def _leave(self) -> str:
        self.grounding = self._so_far
        text = "".join(self._waiting)
        self._waiting.clear()
        text = text if self._left else text.lstrip()
        self._left.append(text)
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


def _counted(found: Iterable[tuple[str, str, int]]) -> tuple[Finding, ...]:
    return tuple(Finding(rule, detail, count) for rule, detail, count in found if count)
