"""From a model's reply to an answer that is the client's JSON object."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import orjson

from app.core.json_types import JsonObject
from app.core.ownership import RiskTier
from app.inference.domain.answer import Draft, cite
from app.inference.domain.answer_format import AnswerFormat, ObjectInvalid, leaves, map_texts
from app.inference.domain.draft import DraftOutcome, refusal_draft
from app.inference.domain.grounding.checked_text import removal_reasons
from app.inference.domain.grounding.citations import NO_ANSWER, without_citations
from app.inference.domain.grounding.extractive import Readable
from app.inference.domain.grounding.groundedness import NO_SENTENCES, GroundingResult, check_grounding
from app.llm.domain.messages import Completion, CompletionEnd
from app.retrieval.domain import Evidence
from app.safety.domain.output_filter import OutputFilter, SentenceFilter
from app.safety.domain.text import Finding, normalise

REPAIR = "This reply cannot be used: {why} Reply again with the corrected JSON object and nothing else."


def says_no_answer(text: str) -> bool:
    return text.strip(" \t\r\n\"'*`.").upper() == NO_ANSWER


def refused(refusal: str, model: str, completion: Completion, findings: tuple[Finding, ...] = ()) -> DraftOutcome:
    """refusal: no_answer, not_structured or withheld."""
    reason = "no_answer" if refusal == "answer_unsupported" else refusal
    draft = refusal_draft(reason, model, completion.end.usage, completion.end.estimated)  # type: ignore[arg-type]
    reasons = () if refusal in ("no_answer", "withheld") else (f"{model}: {refusal}",)
    return DraftOutcome(replace(draft, findings=findings), reasons)


@dataclass(frozen=True)
class ObjectChecks:
    """What an object is checked by. results: texts that can support a value but are not cited. sentences: the output
    filter of this one text.
    """

    form: AnswerFormat
    evidence: Evidence
    results: Sequence[Readable]
    tier: RiskTier
    output: OutputFilter
    sentences: SentenceFilter

    def outcome(self, model: str, completion: Completion) -> DraftOutcome:
        """The draft whose text is the object: what may not leave is masked in its texts, and its texts and numbers are
        checked against the passages like sentences. Where too few are supported, the answer is refused: there is
        nothing to quote in the client's form.
        """
        if says_no_answer(completion.text):
            return refused("no_answer", model, completion)
        try:
            parsed = self._filtered(self.form.parse(completion.text))
        except ObjectInvalid:
            return refused("not_structured", model, completion)
        if parsed is None:
            return refused("withheld", model, completion, self.sentences.findings)
        grounding = check_leaves(self.form, parsed, [*self.evidence.passages, *self.results])
        unsupported = Finding("unsupported_sentence", "no passage supports these values", grounding.unsupported)
        findings = (*self.sentences.findings, *((unsupported,) if grounding.unsupported else ()))
        if not (grounding.enough(self.tier) if grounding.sentences else self.tier != "high"):
            return refused("answer_unsupported", model, completion, findings)
        draft = _object_draft(orjson.dumps(parsed).decode(), model, completion.end, grounding, self.evidence)
        reasons = tuple(f"{model}: {reason}" for reason in removal_reasons(self.sentences))
        return DraftOutcome(replace(draft, findings=findings), reasons)

    def _filtered(self, parsed: JsonObject) -> JsonObject | None:
        """The object as it may leave; None where it may not."""
        filtered: JsonObject = map_texts(parsed, self._permitted)
        numbers = (str(each) for each in leaves(parsed) if isinstance(each, int | float))
        unchanged = all(self._permitted(each) == each.strip() for each in (*_names(parsed), *numbers))
        if not unchanged or self.sentences.stopped or self.sentences.refused:
            return None
        try:
            self.form.check(filtered)
        except ObjectInvalid:
            return None
        return filtered

    def _permitted(self, text: str) -> str:
        masked = self.output.mask(without_citations(normalise(text).text))
        # The line end keeps two texts apart, which are no sentences of one text.
        return self.sentences.passes(f"{masked}\n").strip() if text else text


def _object_draft(text: str, model: str, end: CompletionEnd, grounding: GroundingResult, evidence: Evidence) -> Draft:
    passages = evidence.passages
    supports = [each for each in grounding.supports if each.passage < len(passages)]
    return Draft(
        model,
        text,
        tuple(cite(each.passage + 1, passages[each.passage], each.start, each.end) for each in supports),
        end.usage,
        end.estimated,
        groundedness=grounding.share if grounding.sentences else None,
        confidence=end.confidence,
    )


def check_leaves(form: AnswerFormat, parsed: JsonObject, readable: Sequence[Readable]) -> GroundingResult:
    """Each text and number of the object is a claim, except for values that the schema lists."""
    listed, grounding = form.listed_values, NO_SENTENCES
    for leaf in leaves(parsed):
        if isinstance(leaf, bool) or leaf is None or str(leaf) in listed:
            continue
        grounding += check_grounding(str(leaf), readable)
    return grounding


def _names(value: object) -> list[str]:
    if isinstance(value, dict):
        return [*value, *(name for each in value.values() for name in _names(each))]
    return [name for each in value for name in _names(each)] if isinstance(value, list) else []
