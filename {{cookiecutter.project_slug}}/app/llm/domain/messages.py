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
"""stop: the model was done; length: it reached the token limit; cut: it went past it and was cut by us;
content_filter: a filter, or the model's own refusal, ended a stream after its text had begun. Only `stop` is whole.
"""

CHARACTERS_PER_TOKEN = 4
LONGEST_TOKEN = 8
MESSAGE_TOKENS, TEMPLATE_TOKENS, TOOL_TOKENS = 16, 64, 64


@dataclass(frozen=True)
class Tool:
    """What a model may ask for. parameters: the JSON schema of its arguments."""

    name: str
    description: str
    parameters: JsonObject

    @cached_property
    def characters(self) -> int:
        return len(self.name) + len(self.description) + len(json.dumps(self.parameters))


@dataclass(frozen=True, slots=True)
class ToolCall:
    """What a model asked for. arguments: as it wrote them, which need not be JSON, nor what was wanted.

    id: by which the result is told from others of the same reply.
    """

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Message:
    """calls: what an assistant asked for. call_id: which of them a tool's content is the result of."""

    role: Role
    content: str
    calls: tuple[ToolCall, ...] = ()
    call_id: str | None = None

    @property
    def text(self) -> str:
        """All that a model reads of it."""
        return self.content + "".join(call.name + call.arguments for call in self.calls)


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """allow_tool_calls: False when tools are declared only because earlier messages call them. logprobs: the log
    probability of each token is wanted with the reply.
    """

    messages: tuple[Message, ...]
    max_tokens: int = 512
    temperature: float | None = 0.0
    tools: tuple[Tool, ...] = ()
    allow_tool_calls: bool = True
    logprobs: bool = False

    def then(self, *messages: Message) -> "ChatRequest":
        """The same conversation, further on."""
        return replace(self, messages=(*self.messages, *messages))

    @property
    def max_characters(self) -> int:
        """More text than this is past the token limit whatever the tokenizer."""
        return self.max_tokens * LONGEST_TOKEN


@dataclass(frozen=True, slots=True)
class CompletionEnd:
    """How a reply ended. `estimated`: the provider named no usage, so that tokens are characters / 4. confidence: see
    `confidence_of`; None where the provider did not say enough.
    """

    finish: Finish
    usage: Usage
    estimated: bool = False
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Completion:
    """A reply: text, or calls of tools, or both."""

    text: str
    end: CompletionEnd
    calls: tuple[ToolCall, ...] = ()


RemainingUsage = Awaitable[Usage | None]
"""What a stream cost that its reader left; None where the provider did not say so in time."""
OnDisconnect = Callable[[RemainingUsage], None]


def confidence_of(logprobs: Sequence[float] | None) -> float | None:
    """The geometric mean of the probabilities that the model gave to its tokens, whose logarithms these are."""
    return math.exp(sum(logprobs) / len(logprobs)) if logprobs else None


def estimate_usage(request: ChatRequest, text: str, reasoning: int = 0) -> Usage:
    """Tokens of a call whose provider did not say; about 5 % low on English. reasoning: characters of it, which the
    text does not hold.
    """
    read = sum(len(message.text) for message in request.messages) + sum(tool.characters for tool in request.tools)
    return Usage(_tokens(read), output=_tokens(len(text) + reasoning), reasoning=_tokens(reasoning))


def max_usage(request: ChatRequest) -> Usage:
    """No call of this request is charged for more: a token is a byte at least, and templates add a few of their own."""
    read = sum(len(message.text.encode()) + MESSAGE_TOKENS for message in request.messages)
    tools = sum(tool.characters + TOOL_TOKENS for tool in request.tools)
    return Usage(read + tools + TEMPLATE_TOKENS, output=request.max_tokens)


def _tokens(characters: int) -> int:
    return -(-characters // CHARACTERS_PER_TOKEN)
