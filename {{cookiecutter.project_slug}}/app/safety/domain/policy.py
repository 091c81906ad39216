from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from app.core.errors import Invalid
from app.core.policies import PolicyModel
from app.safety.domain.text import Finding

DocumentAction = Literal["ignore", "flag", "quarantine"]
QuestionAction = Literal["ignore", "flag", "refuse"]

_HIDDEN_CHARACTERS = frozenset({"bidi_controls", "zero_width", "variation_selectors", "tag_characters"})


class QuestionRefused(Invalid):
    code = "question_refused"
    title = "The question was refused by the security policy"
    action = "Ask without instructions to the system itself."


class Rules(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DocumentScreening(Rules):
    """What happens to a document with a finding of each kind."""

    instructions: DocumentAction = "flag"
    hidden_instructions: DocumentAction = "quarantine"
    hidden_text: DocumentAction = "flag"
    hidden_characters: DocumentAction = "flag"


class QuestionScreening(Rules):
    instructions: QuestionAction = "flag"
    hidden_instructions: QuestionAction = "refuse"
    hidden_characters: QuestionAction = "flag"


class Limits(Rules):
    question_characters: int = Field(2_000, ge=1, le=100_000)
    requests_per_minute_per_key: int = Field(60_000, ge=1)
    concurrent_answers: int = Field(64, ge=1)
    upload_file_bytes: int = Field(20_000_000, ge=1)
    upload_request_bytes: int = Field(100_000_000, ge=1)
    upload_files: int = Field(100, ge=1)


class SecurityPolicy(PolicyModel):
    """policies/security.yaml: what a caller may send, and what happens to text that talks to the model."""

    documents: DocumentScreening = DocumentScreening()
    questions: QuestionScreening = QuestionScreening()
    limits: Limits = Limits()

    def document_action(self, finding: Finding) -> DocumentAction:
        rules = self.documents
        return {
            "instructions": rules.instructions,
            "hidden_instructions": rules.hidden_instructions,
            "hidden_text": rules.hidden_text,
            "hidden_characters": rules.hidden_characters,
        }.get(_kind(finding), "flag")

    def question_action(self, finding: Finding) -> QuestionAction:
        rules = self.questions
        return {
            "instructions": rules.instructions,
            "hidden_instructions": rules.hidden_instructions,
            "hidden_characters": rules.hidden_characters,
        }.get(_kind(finding), "flag")


def _kind(finding: Finding) -> str:
    return "hidden_characters" if finding.rule in _HIDDEN_CHARACTERS else finding.rule.partition(".")[0]
