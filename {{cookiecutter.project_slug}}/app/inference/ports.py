from collections.abc import AsyncGenerator, Mapping
from typing import Protocol

from app.core.clock import Deadline
from app.inference.domain.chat import ChatRequest, Completion, Ending, Leave
from app.safety.domain.webhooks import Target


class ChatModel(Protocol):
    """One model of one provider. It makes one call a request and never retries, but for a pooled connection
    that had died before the first byte: retrying is the chain's decision."""

    @property
    def name(self) -> str:
        """How the chain, the answer, the ledger and the price list call this model."""
        ...

    async def complete(self, request: ChatRequest, deadline: Deadline) -> Completion:
        """The whole reply; with `request.tools` it may hold calls of them beside the text or in its place.

        Errors: a ModelFailure, at the deadline at the latest. The text never holds more than
        `request.most_characters`, nor do the arguments of a call.
        """
        ...

    def stream(
        self, request: ChatRequest, deadline: Deadline, leave: Leave | None = None
    ) -> AsyncGenerator[str | Ending, None]:
        """Pieces of text as they come, none empty, then one Ending. Closing it early ends the call at the provider;
        unless there is `leave`, which is then given the rest: awaiting that reads on to what the provider says it
        cost, for as long as the call might have taken for a reader who stayed. A request with tools is never
        streamed: what they would do is known only when all is there.

        Errors: a ModelFailure before the first piece; afterwards Interrupted, Hung after silence, or Overloaded and its
        like where the provider broke it off with that. A refusal after the first piece is an Ending.
        """
        ...


class Messenger(Protocol):
    """Sends a message to an address that was named from outside. It never goes to another one than that: redirects are
    not followed, and a host that may not be at a private address is not looked for there."""

    async def post(self, target: Target, headers: Mapping[str, str], body: bytes) -> int:
        """The status of the reply, whose body is not read. Errors: NotTold, when there was none in a few seconds."""
        ...
