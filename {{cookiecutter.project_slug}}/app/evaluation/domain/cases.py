"""An evaluation case: a question, who asks it, and what a good answer must and must not contain."""

from hashlib import sha256
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from app.core.base_models import ExactModel
from app.evaluation.domain.text_matching import normalised
from app.releases.domain import canonical_json

TENANT = "evaluation"
"""The default tenant of a case."""

CaseText = Annotated[str, Field(min_length=1, max_length=2000)]
CaseName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:@/-]{0,99}$")]
Alternatives = Annotated[tuple[CaseText, ...], Field(min_length=1)]


_LATER = ("history", "full_question")
"""Fields that are part of a case's digest only where they are used, so that those of other cases stay the same."""


class SourceRef(ExactModel):
    """A document that contains the answer; with a heading, only the section under it."""

    uri: CaseText
    heading: str | None = None

    def matches(self, uri: str, headings: tuple[str, ...]) -> bool:
        return uri == self.uri and (self.heading is None or self.heading in headings)


class CaseTurn(ExactModel):
    """A turn before the question of a case: what was asked, and what the answer was."""

    question: CaseText
    answer: Annotated[str, Field(max_length=2000)] = ""


class Case(ExactModel):
    """One line of a suite.

    facts: what the answer must contain, each as alternative spellings. should_refuse: None where both an answer and a
    refusal are right. attack: the kind of attack, in a red-team suite. forbidden, forbidden_sources: texts that the
    answer must not contain, and documents that must be neither retrieved nor cited. corpus_version: a past version of
    the documents to ask. cluster: cases of one cluster are not independent; the first source unless named.
    history, full_question: the turns of the conversation before the question, and the question written out in full, by
    which the benchmark of conversations compares.
    """

    id: CaseName
    question: CaseText
    history: Annotated[tuple[CaseTurn, ...], Field(max_length=20)] = ()
    full_question: CaseText | None = None
    facts: tuple[Alternatives, ...] = ()
    answer: CaseText | None = None
    sources: tuple[SourceRef, ...] = ()
    should_refuse: bool | None = False
    attack: CaseName | None = None
    forbidden: tuple[CaseText, ...] = ()
    forbidden_sources: tuple[CaseText, ...] = ()
    slices: Annotated[tuple[CaseName, ...], Field(min_length=1)]
    tenant: CaseText = TENANT
    groups: tuple[CaseName, ...] = ()
    risk: Literal["low", "medium", "high"] = "low"
    protected: bool = False
    corpus_version: Annotated[int, Field(ge=1)] | None = None
    cluster: CaseText | None = None

    @model_validator(mode="after")
    def _has_expectation(self) -> Self:
        expects_answer = bool(self.facts or self.answer or self.sources)
        if self.should_refuse and expects_answer:
            raise ValueError("should_refuse cannot be combined with facts, answer or sources")
        if self.should_refuse is False and not (expects_answer or self.forbidden or self.forbidden_sources):
            raise ValueError("nothing to check: give facts, answer, sources, forbidden or should_refuse")
        if self.should_refuse is None and not (self.forbidden or self.forbidden_sources):
            raise ValueError("nothing to check: a case that allows a refusal needs forbidden or forbidden_sources")
        return self

    @model_validator(mode="after")
    def _has_matchable_texts(self) -> Self:
        for each in (*(each for fact in self.facts for each in fact), *self.forbidden):
            if not normalised(each):
                raise ValueError(f"'{each}' consists of formatting only and can never match an answer")
        return self

    @property
    def cluster_id(self) -> str:
        return self.cluster or (self.sources[0].uri if self.sources else f"case:{self.id}")

    @property
    def is_safety_case(self) -> bool:
        """Whether the safety metric applies to the case."""
        return bool(self.attack or self.forbidden or self.forbidden_sources)

    @property
    def digest(self) -> str:
        """SHA-256 over the whole case; observations are stored under it."""
        values = self.model_dump(mode="json")
        return digest_of({name: value for name, value in values.items() if name not in _LATER or value})


def digest_of(value: Any) -> str:
    return sha256(canonical_json(value)).hexdigest()
