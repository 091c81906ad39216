"""What a client of the OpenAI API may ask for beyond the question."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from app.core.errors import Invalid
from app.inference.domain.answer_format import AnswerFormat
from app.llm.domain.messages import DEFAULT_SAMPLING, Message, Sampling, Tool, ToolCall

MAX_TOKENS = 8192
"""The most tokens that one answer may have."""


class InstructionsTooLong(Invalid):
    code, title, param = "instructions_too_long", "The system message is too long", "messages"
    action = "Shorten it; what the service itself must do belongs in its own prompt."


class ModelRequired(Invalid):
    code, title = "model_required", "No language model can do this here"
    action = "Name a model of GET /v1/models other than extractive, or leave the field out."

    def __init__(self, field: str) -> None:
        detail = "There is only the extractive answerer for this request."
        faults = [{"field": field, "message": "needs a language model", "kind": self.code}]
        super().__init__(f"`{field}` needs a language model. {detail}", errors=faults)


@dataclass(frozen=True, slots=True)
class ClientOptions:
    """instructions: the client's system message. tools: of the client, which runs them itself. tool_choice: as in
    ChatRequest. exchange: the calls of these tools since the question, each with its result.
    """

    instructions: str = ""
    sampling: Sampling = DEFAULT_SAMPLING
    format: AnswerFormat | None = None
    tools: tuple[Tool, ...] = ()
    tool_choice: str | None = None
    exchange: tuple[Message, ...] = ()

    @property
    def needs_model(self) -> str | None:
        """The field that only a language model can serve; None where there is none."""
        if self.format is not None:
            return "response_format"
        return "tools" if self.tools or self.exchange else None

    @property
    def unused_when_quoting(self) -> Iterator[str]:
        """The names of the fields without effect on an answer that no model wrote."""
        if self.instructions:
            yield "system"
        yield from self.sampling_given

    @property
    def sampling_given(self) -> Iterator[str]:
        """The names of the fields that were sent for the model's choice of words."""
        yield from (name for name, value in asdict(self.sampling).items() if value not in (None, ()))

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> "ClientOptions":
        form = stored["format"]
        return cls(
            stored["instructions"],
            Sampling(**{**stored["sampling"], "stop": tuple(stored["sampling"]["stop"])}),
            AnswerFormat(**form) if form else None,
            tuple(Tool(**each) for each in stored["tools"]),
            stored["tool_choice"],
            tuple(_message(each) for each in stored["exchange"]),
        )


NO_OPTIONS = ClientOptions()


def _message(stored: Mapping[str, Any]) -> Message:
    return Message(**{**stored, "calls": tuple(ToolCall(**each) for each in stored["calls"])})
