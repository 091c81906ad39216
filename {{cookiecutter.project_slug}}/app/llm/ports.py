from collections.abc import AsyncGenerator
from typing import Protocol

from app.core.clock import Deadline
from app.llm.domain.messages import ChatRequest, Completion, CompletionEnd, OnDisconnect


class ChatModel(Protocol):
    """One model of one provider. It never retries a failure: that is up to the fallback chain. A call that the provider
    did not take is made again at once in three cases only: on a stale pooled connection, without a field of the request
    that the provider refuses, and with another key where it rejects one.
    """

    @property
    def name(self) -> str:
        """The name of this model in the fallback chain, the answer, the ledger and the price list."""
        ...

    async def complete(self, request: ChatRequest, deadline: Deadline) -> Completion:
        """The completion; with `request.tools` it may contain tool calls besides or instead of text.

        Errors: a ModelFailure, at the deadline at the latest. The text is never longer than
        `request.max_characters`, nor are the arguments of a tool call.
        """
        ...

    def stream(
        self, request: ChatRequest, deadline: Deadline, on_disconnect: OnDisconnect | None = None
    ) -> AsyncGenerator[str | CompletionEnd, None]:
        """Pieces of text as they arrive, none empty, then one CompletionEnd. Closing the generator early ends the call
        at the provider; with `on_disconnect` it hands over the remaining usage instead: awaiting that reads on until
        the provider reports what the call cost, for as long as the call may take. A request with tools is never
        streamed, because its tool calls are known only when all of it has arrived.

        Errors: a ModelFailure; after the first piece StreamInterrupted, ModelTimeout after silence, or the failure that
        the provider sent. A refusal after the first piece is a CompletionEnd.
        """
        ...
