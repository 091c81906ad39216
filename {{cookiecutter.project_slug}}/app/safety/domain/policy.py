from collections.abc import Iterable
from typing import Literal
from urllib.parse import urlsplit

from pydantic import Field

from app.core.base_models import ExactModel
from app.core.errors import Invalid
from app.core.policies import PolicyModel
from app.safety.domain.output_policy import OutputPolicy
from app.safety.domain.text import Finding
from app.webhooks.domain import WebhookHosts

DocumentAction = Literal["ignore", "flag", "quarantine"]
QuestionAction = Literal["ignore", "flag", "review", "refuse"]

_HIDDEN_CHARACTERS = frozenset({"bidi_controls", "zero_width", "variation_selectors", "tag_characters", "look_alikes"})
_ABOUT_HIDDEN_CHARACTERS = (
    "Invisible characters, characters that change the reading direction, and look-alikes in words."
)


class QuestionRefused(Invalid):
    code = "question_refused"
    title = "The question was refused by the security policy"
    action = "Ask without instructions to the system itself."


class DocumentScreening(ExactModel):
    """The action for a document by kind of finding."""

    instructions: DocumentAction = Field("flag", description="Text that addresses the model instead of the reader.")
    suspected_instructions: DocumentAction = Field("flag", description="The same, by the classifier's judgement.")
    hidden_instructions: DocumentAction = Field("quarantine", description="The same, invisible to a reader.")
    hidden_text: DocumentAction = Field("flag", description="Text that is invisible to a reader.")
    hidden_characters: DocumentAction = Field("flag", description=_ABOUT_HIDDEN_CHARACTERS)


class QuestionScreening(ExactModel):
    """The action for a question by kind of finding."""

    instructions: QuestionAction = Field("flag", description="A question that contains instructions to the model.")
    suspected_instructions: QuestionAction = Field("flag", description="The same, by the classifier's judgement.")
    hidden_instructions: QuestionAction = Field("refuse", description="The same, invisible to a reader.")
    hidden_characters: QuestionAction = Field("flag", description=_ABOUT_HIDDEN_CHARACTERS)


class Limits(ExactModel):
    """Limits on requests of callers."""

    question_characters: int = Field(2_000, ge=1, le=100_000, description="Maximum length of a question.")
    system_message_characters: int = Field(
        8_000, ge=1, le=100_000, description="Maximum length of the system messages of a client of the OpenAI API."
    )
    history_turns: int = Field(10, ge=0, le=100, description="Most turns of a conversation that are read again.")
    history_characters: int = Field(
        8_000, ge=0, le=100_000, description="Most characters of earlier turns that are read again."
    )
    conversation_turns: int = Field(200, ge=1, le=10_000, description="Most turns of a conversation that is kept.")
    conversations_per_caller: int = Field(
        1_000, ge=1, le=100_000, description="Most conversations that are kept for one key or person."
    )
    requests_per_minute_per_key: int = Field(
        60_000, ge=1, description="Requests of one key per minute, over all API processes."
    )
    requests_per_minute_per_tenant: int = Field(
        600_000, ge=1, description="Requests of all keys of one tenant per minute, over all API processes."
    )
    concurrent_answers: int = Field(64, ge=1, description="Answers in progress at a time in one API process.")
    upload_file_bytes: int = Field(20_000_000, ge=1, description="Maximum size of a file.")
    upload_request_bytes: int = Field(100_000_000, ge=1, description="Maximum size of an upload.")
    upload_files: int = Field(100, ge=1, description="Maximum number of files of an upload.")


class SecurityPolicy(PolicyModel):
    """policies/security.yaml: limits on requests, and the handling of text that addresses the model."""

    confidential_hosts: tuple[str, ...] = Field(
        (), description="Hosts that confidential text may be sent to, besides this machine."
    )
    documents: DocumentScreening = DocumentScreening()
    questions: QuestionScreening = QuestionScreening()
    system_messages: Literal["follow", "ignore"] = Field(
        "follow",
        description="Whether the system messages of OpenAI clients are followed, within the service's own rules.",
    )
    webhooks: WebhookHosts = WebhookHosts()
    output: OutputPolicy = OutputPolicy()
    limits: Limits = Limits()

    def may_receive(self, address: str) -> bool:
        """Whether confidential text may be sent to the host of this address."""
        host = urlsplit(address).hostname or ""
        return host in {"localhost", "127.0.0.1", "::1", *self.confidential_hosts}

    def document_action(self, finding: Finding) -> DocumentAction:
        action: DocumentAction = dict(self.documents).get(kind_of(finding), "flag")
        return action

    def question_action(self, finding: Finding) -> QuestionAction:
        action: QuestionAction = dict(self.questions).get(kind_of(finding), "flag")
        return action

    def wants_review(self, findings: Iterable[Finding]) -> bool:
        """Whether a person reviews the answer to a question with these findings before it is delivered."""
        return any(self.question_action(finding) == "review" for finding in findings)


def kind_of(finding: Finding) -> str:
    return "hidden_characters" if finding.rule in _HIDDEN_CHARACTERS else finding.rule.partition(".")[0]
