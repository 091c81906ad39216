"""The contract of every ChatModel."""

import asyncio
from dataclasses import replace

import pytest

from app.core.clock import Deadline, SystemClock
from app.llm.domain.errors import ModelFailure, ModelTimeout, RequestRejected
from app.llm.domain.messages import ChatRequest, CompletionEnd, Message, Tool, ToolCall
from app.llm.ports import ChatModel

GATE = {"type": "object", "properties": {"gate": {"type": "string", "pattern": "^G-[0-9]+$"}}, "required": ["gate"]}
OPEN_GATE = Tool("open_gate", "Opens a gate of the harbour.", GATE)


def chat_request(text: str = "Say hello.", max_tokens: int = 24) -> ChatRequest:
    return ChatRequest((Message("system", "You are brief."), Message("user", text)), max_tokens)


def soon(seconds: float = 600.0) -> Deadline:
    return Deadline.after(seconds, SystemClock())


async def read(model: ChatModel, request: ChatRequest, deadline: Deadline) -> tuple[list[str], CompletionEnd]:
    *pieces, end = [piece async for piece in model.stream(request, deadline)]
    assert isinstance(end, CompletionEnd)
    assert all(isinstance(piece, str) and piece for piece in pieces)
    return [str(piece) for piece in pieces], end


class ChatModelContract:
    async def test_a_reply_has_text_and_usage(self, model: ChatModel) -> None:
        reply = await model.complete(chat_request(), soon())
        assert reply.text.strip()
        assert reply.end.usage.input > 0
        assert reply.end.usage.output > 0
        assert not reply.end.estimated

    async def test_a_stream_has_pieces_and_ends_once_with_its_usage(self, model: ChatModel) -> None:
        pieces, end = await read(model, chat_request(), soon())
        assert "".join(pieces).strip()
        assert end.usage.output > 0
        assert not end.estimated

    async def test_a_reply_and_a_stream_have_the_same_text(self, model: ChatModel) -> None:
        whole = await model.complete(chat_request(), soon())
        pieces, _ = await read(model, chat_request(), soon())
        assert "".join(pieces) == whole.text

    async def test_a_call_right_after_a_stream_succeeds(self, model: ChatModel) -> None:
        for _ in range(3):
            await read(model, chat_request(max_tokens=4), soon())
            assert (await model.complete(chat_request(max_tokens=4), soon())).text

    async def test_the_token_limit_is_respected(self, model: ChatModel) -> None:
        reply = await model.complete(chat_request("Count from one to one hundred in words.", max_tokens=5), soon())
        assert len(reply.text) <= 5 * 8

    async def test_a_request_longer_than_the_context_is_rejected(self, model: ChatModel) -> None:
        with pytest.raises(RequestRejected):
            await model.complete(chat_request("word " * 6000), soon())

    async def test_an_expired_deadline_raises_model_timeout(self, model: ChatModel) -> None:
        with pytest.raises(ModelTimeout):
            await model.complete(chat_request(), soon(0.0))
        with pytest.raises(ModelTimeout):
            await read(model, chat_request(), soon(0.0))

    async def test_a_call_after_an_abandoned_stream_succeeds(self, model: ChatModel) -> None:
        stream = model.stream(chat_request("Count to one hundred.", 64), soon())
        assert await anext(stream)
        await stream.aclose()
        assert (await model.complete(chat_request(max_tokens=4), soon())).text

    async def test_many_calls_at_once_all_end(self, model: ChatModel) -> None:
        replies = await asyncio.gather(*(model.complete(chat_request(max_tokens=3), soon()) for _ in range(4)))
        assert all(reply.text for reply in replies)

    async def test_with_tools_it_calls_an_offered_tool_or_answers(self, model: ChatModel) -> None:
        request = replace(chat_request("Open gate G-7."), tools=(OPEN_GATE,))
        reply = await model.complete(request, soon())
        assert {call.name for call in reply.calls} <= {"open_gate"}
        assert reply.calls or reply.text.strip()
        assert reply.end.usage.output > 0

    async def test_it_answers_from_the_results_of_its_tool_calls(self, model: ChatModel) -> None:
        call = ToolCall("call_1", "open_gate", '{"gate": "G-7"}')
        request = replace(chat_request("Open gate G-7."), tools=(OPEN_GATE,), allow_tool_calls=False)
        result = Message("tool", '{"result": {"gate": "G-7", "stands": "open"}}', call_id=call.id)
        reply = await model.complete(request.then(Message("assistant", "", (call,)), result), soon())
        assert reply.text.strip()
        assert not reply.calls

    async def test_every_failure_has_a_reason_and_a_reaction(self, model: ChatModel) -> None:
        with pytest.raises(ModelFailure) as raised:
            await model.complete(chat_request(), soon(0.0))
        assert raised.value.reason
        assert raised.value.reaction
