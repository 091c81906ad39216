"""From evidence to a draft, without any I/O: quoting, and checking what a model wrote."""

from collections.abc import Sequence
from uuid import UUID

from app.core.ownership import RiskTier
from app.costs.domain import Usage
from app.inference.domain.acts import Acts
from app.inference.domain.answers import EXTRACTIVE, SENTENCES, Citation, Draft, Question, Reason, cite
from app.inference.domain.chat import Ending
from app.inference.domain.extractive import Readable, coverage, pick
from app.inference.domain.grounding import Grounding, ground
from app.inference.domain.grounds import Grounds
from app.inference.domain.markers import Markers, Verdict, markers_in
from app.retrieval.domain import Evidence
from app.safety.domain.markup import neutralise
from app.safety.domain.text import Finding, normalise

NOTHING = Usage(0)
LATE = "search_timeout"
UNSEARCHED = Evidence((), UUID(int=0), 0, 0, None, 0.0, degraded=LATE)
"""What there is when the time was up before the documents were looked into."""


def why_not(question: str, evidence: Evidence, grounds: Grounds) -> Reason | None:
    """Why this evidence cannot carry an answer; None when it may."""
    if not evidence.passages:
        return "evidence_timeout" if evidence.degraded == LATE else "no_evidence"
    words = evidence.top_bm25 / evidence.possible_bm25 if evidence.possible_bm25 else 0.0
    carries = grounds.enough(words, evidence.top_dense, lambda: coverage(question, evidence.passages))
    return None if carries else "off_topic"


def refuse(reason: Reason, model: str = EXTRACTIVE, usage: Usage = NOTHING, estimated: bool = False) -> Draft:
    return Draft(model, SENTENCES[reason], (), usage, estimated, reason)


def quote(question: Question, evidence: Evidence) -> Draft:
    """The sentences of the evidence that answer best, each with its citation; or a refusal."""
    quotes = pick(question.text, evidence.passages, question.sentences)
    if not quotes:
        return refuse("no_answer")
    cited = [cite(n, evidence.passages[q.passage], q.start, q.end) for n, q in enumerate(quotes, 1)]
    text = " ".join(f"{neutralise(' '.join(c.quote.split()))} [{c.marker}]" for c in cited)
    return Draft(EXTRACTIVE, text, tuple(cited), NOTHING, groundedness=1.0)


def recount(acts: Acts) -> Draft | None:
    """What became of the proposals, in our own words; None where there were none."""
    return Draft(EXTRACTIVE, acts.account, (), NOTHING) if acts.account else None


class Writing:
    """A model's text as it comes in: cleaned piece by piece, checked at the end. told: what it may lean on besides the
    evidence, and cites nothing for.
    """

    def __init__(self, model: str, evidence: Evidence, tier: RiskTier, told: Sequence[Readable] = ()) -> None:
        self.model = model
        self._told = told
        self._tier = tier
        self._evidence = evidence
        self._verdict = Verdict()
        self._markers = Markers(len(evidence.passages))
        self._parts: list[str] = []
        self._findings: dict[str, Finding] = {}

    def feed(self, piece: str) -> str:
        """What the reader may see of this piece."""
        return self._keep(self._markers.feed(self._clean(self._verdict.feed(piece))))

    def end(self) -> str:
        """What was still held back."""
        return self._keep(self._markers.feed(self._clean(self._verdict.end())) + self._markers.end())

    @property
    def text(self) -> str:
        return "".join(self._parts)

    def draft(self, ending: Ending) -> Draft:
        """The whole, with citations to the evidence it leans on. A draft that leans on too little has
        none.
        """
        if self._verdict.no_answer or not self.text.strip():
            return refuse("no_answer", self.model, ending.usage, ending.estimated)
        text = self.text.strip()
        grounding = ground(text, [*self._evidence.passages, *self._told])
        findings = [*self._findings.values()]
        if self._markers.invented:
            findings.append(Finding("invented_citation", "citations of nothing were taken out", self._markers.invented))
        if grounding.unsupported:
            findings.append(
                Finding("unsupported_sentence", "no passage supports these sentences", grounding.unsupported)
            )
        return Draft(
            self.model,
            text,
            self._cited(text, grounding),
            ending.usage,
            ending.estimated,
            findings=tuple(findings),
            supported=grounding.enough(self._tier),
            groundedness=grounding.share,
            confidence=ending.confidence,
        )

    def _cited(self, text: str, grounding: Grounding) -> tuple[Citation, ...]:
        passages = self._evidence.passages
        supports = (support for support in grounding.supports if support.passage < len(passages))
        cited = {s.passage: cite(s.passage + 1, passages[s.passage], s.start, s.end) for s in supports}
        # Every marker that the reader sees leads somewhere, if only to the passage as a whole.
        for number in markers_in(text):
            whole = passages[number - 1]
            cited.setdefault(number - 1, cite(number, whole, 0, len(whole.text)))
        return tuple(cited.values())

    def _clean(self, piece: str) -> str:
        clean = normalise(piece)
        for finding in clean.findings:
            self._findings.setdefault(finding.rule, finding)
        return clean.text

    def _keep(self, piece: str) -> str:
        if piece:
            self._parts.append(piece)
        return piece
