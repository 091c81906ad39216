from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field

from app.core.errors import Invalid
from app.core.policies import PolicyModel
from app.safety.domain.text import Finding
from app.webhooks.domain import WebhookHosts

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

    instructions: DocumentAction = Field("flag", description="Text that talks to the system and not to the reader.")
    hidden_instructions: DocumentAction = Field("quarantine", description="The same, where a reader cannot see it.")
    hidden_text: DocumentAction = Field("flag", description="Text that a reader would not see.")
    hidden_characters: DocumentAction = Field(
        "flag", description="Characters without a shape, or that turn the direction of reading."
    )


class QuestionScreening(Rules):
    """What happens to a question with a finding of each kind."""

    instructions: QuestionAction = Field("flag", description="A question that gives the system orders.")
    hidden_instructions: QuestionAction = Field("refuse", description="The same, where a reader cannot see it.")
    hidden_characters: QuestionAction = Field(
        "flag", description="Characters without a shape, or that turn the direction of reading."
    )


class Limits(Rules):
    """What a caller may send, and how often."""

    question_characters: int = Field(2_000, ge=1, le=100_000, description="The longest question.")
    requests_per_minute_per_key: int = Field(
        60_000, ge=1, description="Requests of one key in a minute, counted by each API process."
    )
    concurrent_answers: int = Field(64, ge=1, description="Answers that one API process works on at a time.")
    upload_file_bytes: int = Field(20_000_000, ge=1, description="The largest file of an upload.")
    upload_request_bytes: int = Field(100_000_000, ge=1, description="The largest upload as a whole.")
    upload_files: int = Field(100, ge=1, description="The most files of one upload.")


class SecurityPolicy(PolicyModel):
    """policies/security.yaml: what a caller may send, and what happens to text that talks to the model."""

    confidential_hosts: tuple[str, ...] = Field(
        (), description="Hosts that confidential text may be sent to; this machine always may."
    )
    documents: DocumentScreening = DocumentScreening()
    questions: QuestionScreening = QuestionScreening()
    webhooks: WebhookHosts = WebhookHosts()
    limits: Limits = Limits()

    def may_receive(self, address: str) -> bool:
        """Whether confidential text may be sent to the host of this address."""
        host = urlsplit(address).hostname or ""
        return host in {"localhost", "127.0.0.1", "::1", *self.confidential_hosts}

    def document_action(self, finding: Finding) -> DocumentAction:
        rules = self.documents
        return {
            "instructions": rules.instructions,
            "hidden_instructions": rules.hidden_instructions,
            "hidden_text": rules.hidden_text,
            "hidden_characters": rules.hidden_characters,
        }.get(kind_of(finding), "flag")

    def question_action(self, finding: Finding) -> QuestionAction:
        rules = self.questions
        return {
            "instructions": rules.instructions,
            "hidden_instructions": rules.hidden_instructions,
            "hidden_characters": rules.hidden_characters,
        }.get(kind_of(finding), "flag")


def kind_of(finding: Finding) -> str:
    return "hidden_characters" if finding.rule in _HIDDEN_CHARACTERS else finding.rule.partition(".")[0]
