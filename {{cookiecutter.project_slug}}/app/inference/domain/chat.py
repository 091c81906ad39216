from dataclasses import dataclass
from typing import Literal

from app.costs.domain import Usage

Role = Literal["system", "user", "assistant"]
Finish = Literal["stop", "length", "cut"]
"""stop: the model was done; length: it reached the token limit; cut: it went past it and was cut by us."""

CHARACTERS_PER_TOKEN = 4
LONGEST_TOKEN = 8
MESSAGE_TOKENS, TEMPLATE_TOKENS = 16, 64


@dataclass(frozen=True, slots=True)
class Message:
    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class ChatRequest:
    messages: tuple[Message, ...]
    max_tokens: int = 512
    temperature: float | None = 0.0

    @property
    def most_characters(self) -> int:
        """More text than this is past the token limit whatever the tokenizer."""
        return self.max_tokens * LONGEST_TOKEN


@dataclass(frozen=True, slots=True)
class Ending:
    """How a reply ended. `estimated`: the provider named no usage, so that tokens are characters / 4."""

    finish: Finish
    usage: Usage
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class Completion:
    text: str
    ending: Ending


def estimate(request: ChatRequest, text: str) -> Usage:
    """Tokens of a call whose provider did not say; about 5 % low on English."""
    read = sum(len(message.content) for message in request.messages)
    return Usage(_tokens(read), output=_tokens(len(text)))


def most(request: ChatRequest) -> Usage:
    """No call of this request is charged for more: a token is a byte at least, and templates add a few of their own."""
    read = sum(len(message.content.encode()) + MESSAGE_TOKENS for message in request.messages)
    return Usage(read + TEMPLATE_TOKENS, output=request.max_tokens)


def _tokens(characters: int) -> int:
    return -(-characters // CHARACTERS_PER_TOKEN)
