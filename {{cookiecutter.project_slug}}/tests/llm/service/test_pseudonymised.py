"""What a wrapped model receives and returns, over rounds of a conversation with tools."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field

import pytest

from app.core.clock import Deadline, SystemClock
from app.costs.domain import Usage
from app.llm.domain.errors import ModelFailure, StreamInterrupted
from app.llm.domain.messages import (
    ChatRequest,
    Completion,
    CompletionEnd,
    Message,
    OnDisconnect,
    Sampling,
    Tool,
    ToolCall,
)
from app.llm.service import PseudonymisedModel
from app.safety.domain.personal_data.detection import PersonalDataDetector

MAIL, OTHER = "jane@acme.example", "joe@acme.example"
END = CompletionEnd("stop", Usage(3, output=2))
DEADLINE = Deadline.after(60, SystemClock())


@dataclass
class Recording:
    """A model that keeps its requests, and says and calls what it is told to."""

    says: tuple[str, ...] = ()
    calls: tuple[ToolCall, ...] = ()
    failure: ModelFailure | None = None
    requests: list[ChatRequest] = field(default_factory=list)
    closed: bool = False
    name: str = "recording"

    async def complete(self, request: ChatRequest, deadline: Deadline) -> Completion:
        self.requests.append(request)
        return Completion("".join(self.says), END, self.calls)

    async def stream(
        self, request: ChatRequest, deadline: Deadline, on_disconnect: OnDisconnect | None = None
    ) -> AsyncGenerator[str | CompletionEnd, None]:
        self.requests.append(request)
        try:
            for piece in self.says:
                yield piece
            if self.failure:
                raise self.failure
            yield END
        finally:
            self.closed = True


def model(inner: Recording) -> PseudonymisedModel:
    return PseudonymisedModel(inner, PersonalDataDetector())


async def test_a_value_keeps_its_pseudonym_over_the_rounds_of_tool_calls() -> None:
    inner = Recording(("I write to EMAIL_2.",), (ToolCall("c1", "mail", '{"to": "EMAIL_2", "cc": "EMAIL_9"}'),))
    request = ChatRequest((Message("system", "Answer."), Message("user", f"Write to {OTHER}, not to {MAIL}.")))
    first = await model(inner).complete(request, DEADLINE)
    assert first.text == f"I write to {MAIL}."
    assert first.calls[0].arguments == f'{{"to": "{MAIL}", "cc": "EMAIL_9"}}'
    later = request.then(
        Message("assistant", first.text, first.calls), Message("tool", f"Sent to {MAIL}.", call_id="c1")
    )
    await model(inner).complete(later, DEADLINE)
    _, user, assistant, tool = inner.requests[-1].messages
    assert user.content == "Write to EMAIL_1, not to EMAIL_2."
    assert (assistant.content, tool.content) == ("I write to EMAIL_2.", "Sent to EMAIL_2.")
    assert assistant.calls[0].arguments == '{"to": "EMAIL_2", "cc": "EMAIL_9"}'
    assert MAIL not in str(inner.requests)


async def test_a_request_without_personal_data_is_unchanged() -> None:
    inner, request = Recording(("Yes.",)), ChatRequest((Message("system", "Answer."), Message("user", "Why?")))
    assert (await model(inner).complete(request, DEADLINE)).text == "Yes."
    assert inner.requests == [request]


async def test_a_stream_is_restored_to_its_last_character_before_it_ends() -> None:
    inner = Recording(("It is EM", "AIL", "_1"))
    request = ChatRequest((Message("user", f"Who is {MAIL}?"),))
    items = [item async for item in model(inner).stream(request, DEADLINE)]
    assert items == ["It is ", MAIL, END]


async def test_a_failure_and_an_early_end_reach_the_model_beneath() -> None:
    request = ChatRequest((Message("user", f"Who is {MAIL}?"),))
    broken = Recording(("It is ",), failure=StreamInterrupted())
    with pytest.raises(StreamInterrupted):
        _ = [item async for item in model(broken).stream(request, DEADLINE)]
    left = Recording(("It is ", "EMAIL_1"))
    async with aclosing(model(left).stream(request, DEADLINE)) as pieces:
        assert await anext(pieces) == "It is "
    assert left.closed


@pytest.mark.parametrize("asks", [f"Is it {MAIL}?", "Who is it?"])
async def test_tools_stop_texts_and_the_response_format_hold_no_value_either(asks: str) -> None:
    inner = Recording(('{"owner": "EMAIL_1"}',))
    schema = {"type": "object", "properties": {"owner": {"enum": [MAIL]}}}
    request = ChatRequest(
        (Message("system", "Answer."), Message("user", asks)),
        tools=(Tool("mail", f"Writes to {MAIL}.", {"properties": {"to": {"const": MAIL}}}),),
        sampling=Sampling(stop=(f"From: {MAIL}",)),
        response_format={"type": "json_schema", "json_schema": {"name": "owner", "schema": schema}},
    )
    reply = await model(inner).complete(request, DEADLINE)
    assert MAIL not in str(inner.requests)
    (sent,) = inner.requests
    assert (sent.sampling.stop, sent.tools[0].description) == (("From: EMAIL_1",), "Writes to EMAIL_1.")
    assert reply.text == f'{{"owner": "{MAIL}"}}'
