"""The output filter: what of a text may leave the service, by section `output` of policies/security.yaml."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from app.core.redaction import SecretDetector, TextDetector, mask_spans, spans_in
from app.safety.domain.markup import neutralise
from app.safety.domain.output_filter.canary import canaries_in, canary_of, with_canary
from app.safety.domain.output_filter.hidden_spelling import hides_token, spelled
from app.safety.domain.output_filter.link_filter import LinkFilter
from app.safety.domain.output_filter.permitted_links import PermittedLinks
from app.safety.domain.output_filter.sentence_filter import SentenceFilter
from app.safety.domain.output_policy import OutputPolicy, is_of_output
from app.safety.domain.prompt_overlap import overlaps_prompt, views_of
from app.safety.domain.text import Finding

__all__ = ["DETECTORS", "OutputFilter", "OutputPolicy", "SentenceFilter", "canary_of", "is_of_output", "with_canary"]

DETECTORS: tuple[TextDetector, ...] = (SecretDetector(),)
"""What is looked for in each text that leaves. A further kind of sensitive text is one more detector here."""
DEFAULT_POLICY = OutputPolicy()


@dataclass(frozen=True)
class OutputFilter:
    """One filter for all ways out: sentences of a model, quotations of documents, and arguments of actions.

    mask: what the privacy policy does to personal data in answers, before everything else.
    """

    policy: OutputPolicy = DEFAULT_POLICY
    detectors: Sequence[TextDetector] = DETECTORS
    mask: Callable[[str], str] = str

    def sentences(self, prompt: str, known: Sequence[str], canary: str = "") -> SentenceFilter:
        """The filter of one text that a model writes."""
        return SentenceFilter(self.policy, self.detectors, prompt, known, canary)

    def quoted(self, text: str) -> str:
        """A quotation within an answer: personal data and secrets are masked, only links to permitted hosts stay."""
        masked = self.masked(self.mask(text))
        return PermittedLinks(self.policy.link_hosts).change_rest(masked, neutralise)

    def masked(self, text: str, keep_length: bool = False) -> str:
        """The text with what the detectors find masked. keep_length: with valid offsets."""
        spans = spans_in(text, self.detectors)
        return mask_spans(text, spans, keep_length) if spans else text

    def mask_findings(self, text: str) -> tuple[Finding, ...]:
        """What `masked` masks."""
        rules = [span.rule for span in spans_in(text, self.detectors)]
        return tuple(Finding(rule, "such text was masked", rules.count(rule)) for rule in dict.fromkeys(rules))

    def objection(self, text: str, prompt: str, known: Sequence[str]) -> str | None:
        """The rule by which a text of a model may not be handed on to another system; None where it may."""
        views = [*views_of(text), *spelled(text)]
        if any(canaries_in(view) for view in (text, *views)) or overlaps_prompt(text, prompt, views):
            return "prompt_leak"
        spans = spans_in(text, self.detectors)
        if new := [span for span in spans if not any(text[span.start : span.end] in each for each in known)]:
            return new[0].rule
        if hides_token(text, views):
            return "secret.hidden"
        links = LinkFilter(known, self.policy.link_hosts)
        links.passes(text)
        return "output_link.removed" if links.removed else None
