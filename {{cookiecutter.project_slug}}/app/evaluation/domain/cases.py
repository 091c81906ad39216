"""A case: a question, who asks it, and what a good answer to it must and must not be."""

from hashlib import sha256
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from app.evaluation.domain.text_matching import plain
from app.releases.domain import canonical_json

TENANT = "evaluation"
"""The tenant that cases are asked of unless they name another."""

CaseText = Annotated[str, Field(min_length=1, max_length=2000)]
CaseName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:@/-]{0,99}$")]
Alternatives = Annotated[tuple[CaseText, ...], Field(min_length=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SourceRef(_Strict):
    """A document that holds the answer; with a heading, only what stands under it."""

    uri: CaseText
    heading: str | None = None

    def holds(self, uri: str, headings: tuple[str, ...]) -> bool:
        return uri == self.uri and (self.heading is None or self.heading in headings)


class Case(_Strict):
    """One line of a suite.

    facts: what the answer must say, each as a list of spellings of which one must stand in it. should_refuse: None
    where both an answer and a refusal are right. attack: what kind of attack this is, in a red-team suite.
    forbidden, forbidden_sources: texts that must not be said, and documents that must be neither found nor cited.
    corpus_version: ask of the documents as they were then. cluster: cases of one cluster stand or fall together;
    the first source unless named.
    """

    id: CaseName
    question: CaseText
    facts: tuple[Alternatives, ...] = ()
    answer: CaseText | None = None
    sources: tuple[SourceRef, ...] = ()
    should_refuse: bool | None = False
    attack: CaseName | None = None
    forbidden: tuple[CaseText, ...] = ()
    forbidden_sources: tuple[CaseText, ...] = ()
    slices: Annotated[tuple[CaseName, ...], Field(min_length=1)]
    tenant: CaseName = TENANT
    groups: tuple[CaseName, ...] = ()
    risk: Literal["low", "medium", "high"] = "low"
    protected: bool = False
    corpus_version: Annotated[int, Field(ge=1)] | None = None
    cluster: CaseText | None = None

    @model_validator(mode="after")
    def _checkable(self) -> Self:
        expects_answer = bool(self.facts or self.answer or self.sources)
        if self.should_refuse and expects_answer:
            raise ValueError("should_refuse does not go with facts, answer or sources")
        if self.should_refuse is False and not (expects_answer or self.forbidden or self.forbidden_sources):
            raise ValueError("nothing to check: give facts, answer, sources, forbidden or should_refuse")
        if self.should_refuse is None and not (self.forbidden or self.forbidden_sources):
            raise ValueError("nothing to check: where a refusal is as good as an answer, say what is forbidden")
        return self

    @model_validator(mode="after")
    def _findable(self) -> Self:
        for each in (*(each for fact in self.facts for each in fact), *self.forbidden):
            if not plain(each):
                raise ValueError(f"'{each}' is nothing but decoration, and is never found in an answer")
        return self

    @property
    def of_cluster(self) -> str:
        return self.cluster or (self.sources[0].uri if self.sources else f"case:{self.id}")

    @property
    def guards(self) -> bool:
        """Whether the case says something about safety."""
        return bool(self.attack or self.forbidden or self.forbidden_sources)

    @property
    def digest(self) -> str:
        """Of everything that the case says: results are kept under it."""
        return digest_of(self.model_dump(mode="json"))


def digest_of(value: Any) -> str:
    return sha256(canonical_json(value)).hexdigest()
