import json
import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

from app.core.json_types import JsonObject
from app.costs.domain import Usage

Role = Literal["system", "user", "assistant", "tool"]
Finish = Literal["stop", "length", "cut", "content_filter"]
"""stop: the model had finished; length: it reached the token limit; cut: it exceeded the limit and was cut here;
content_filter: a filter or a refusal ended a stream after its first text. Only `stop` is a complete reply.
"""

CHARACTERS_PER_TOKEN = 4
MAX_CHARACTERS_PER_TOKEN = 8
MESSAGE_TOKENS, TEMPLATE_TOKENS, TOOL_TOKENS = 16, 64, 64


@dataclass(frozen=True)
class Tool:
    """A tool offered to a model. parameters: the JSON schema of its arguments."""

    name: str
    description: str
    parameters: JsonObject

    @cached_property
    def characters(self) -> int:
        return len(self.name) + len(self.description) + len(json.dumps(self.parameters))


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool call of a model. arguments: as it wrote them; they need not be valid JSON nor match the schema.

    id: identifies its result among those of the same reply.
    """

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Message:
    """A message. calls: the tool calls of an assistant. call_id: the tool call whose result this message is."""

    role: Role
    content: str
    calls: tuple[ToolCall, ...] = ()
    call_id: str | None = None

    @property
    def text(self) -> str:
        """All text of the message that a model reads."""
        return self.content + "".join(call.name + call.arguments for call in self.calls)


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a model chooses its words, in its own default where None. stop: texts before which the reply ends."""

    top_p: float | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()


DEFAULT_SAMPLING = Sampling()


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A request. allow_tool_calls: False when tools are declared only because earlier messages call them. logprobs:
    request the log probability of each token. tool_choice: `required`, or the tool that must be called; None: the
    model decides. response_format: as in the OpenAI format; None for text.
    """

    messages: tuple[Message, ...]
    max_tokens: int = 512
    temperature: float | None = 0.0
    tools: tuple[Tool, ...] = ()
    allow_tool_calls: bool = True
    logprobs: bool = False
    sampling: Sampling = DEFAULT_SAMPLING
    tool_choice: str | None = None
    response_format: JsonObject | None = None

    def then(self, *messages: Message) -> "ChatRequest":
        """The request with further messages."""
        return replace(self, messages=(*self.messages, *messages))

    @property
    def max_characters(self) -> int:
        """The limit of characters: more text exceeds the token limit with any tokenizer."""
        return self.max_tokens * MAX_CHARACTERS_PER_TOKEN


@dataclass(frozen=True, slots=True)
class CompletionEnd:
    """How a reply ended. estimated: the provider reported no usage, so that tokens are characters / 4. confidence: see
    `confidence_of`; None without logprobs. model: which one replied, as the provider names it. left_out: the fields of
    the request that were not sent to it, because it refuses them.
    """

    finish: Finish
    usage: Usage
    estimated: bool = False
    confidence: float | None = None
    model: str | None = None
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Completion:
    """A reply: text, tool calls, or both."""

    text: str
    end: CompletionEnd
    calls: tuple[ToolCall, ...] = ()


RemainingUsage = Awaitable[Usage | None]
"""The usage of an abandoned stream; None where the provider did not report it in time."""
OnDisconnect = Callable[[RemainingUsage], None]


def confidence_of(logprobs: Sequence[float] | None) -> float | None:
    """The geometric mean of the token probabilities. logprobs: their natural logarithms."""
    return math.exp(sum(logprobs) / len(logprobs)) if logprobs else None


def estimate_usage(request: ChatRequest, text: str, reasoning: int = 0) -> Usage:
    """The estimated usage of a call without reported usage; about 5 % low on English. reasoning: its characters, which
    are not part of the text.
    """
    read = sum(len(message.text) for message in request.messages) + sum(tool.characters for tool in request.tools)
    return Usage(_tokens(read), output=_tokens(len(text) + reasoning), reasoning=_tokens(reasoning))


def max_usage(request: ChatRequest) -> Usage:
    """An upper bound of the usage: a token is at least one byte, and chat templates add a few tokens."""
    read = sum(len(message.text.encode()) + MESSAGE_TOKENS for message in request.messages)
    tools = sum(tool.characters + TOOL_TOKENS for tool in request.tools)
    schema = len(json.dumps(request.response_format)) if request.response_format else 0
    return Usage(read + tools + schema + TEMPLATE_TOKENS, output=request.max_tokens)


def _tokens(characters: int) -> int:
    return -(-characters // CHARACTERS_PER_TOKEN)
