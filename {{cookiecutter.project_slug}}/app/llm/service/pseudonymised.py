"""A model elsewhere that never sees personal data: pseudonyms go out, values are put back into what comes in."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any

from app.core.clock import Deadline
from app.llm.domain.messages import ChatRequest, Completion, CompletionEnd, Message, OnDisconnect, Tool, ToolCall
from app.llm.ports import ChatModel
from app.safety.domain.personal_data.detection import PersonalDataDetector
from app.safety.domain.personal_data.pseudonyms import Pseudonyms

NOTE = "\nWords such as {example} stand for values that you are not shown. Repeat them unchanged where you need them."


@dataclass(frozen=True)
class PseudonymisedModel:
    """A ChatModel. Each call has pseudonyms of its own, which are forgotten at its end.

    The texts of a call are replaced in their order, so that a value that comes back with the next round of a
    conversation has its old pseudonym again. The limit of characters is that of the reply before values are put back.
    """

    model: ChatModel
    detector: PersonalDataDetector

    @property
    def name(self) -> str:
        return self.model.name

    async def complete(self, request: ChatRequest, deadline: Deadline) -> Completion:
        pseudonyms = Pseudonyms(self.detector)
        completion = await self.model.complete(pseudonymised(request, pseudonyms), deadline)
        if not pseudonyms:
            return completion
        calls = tuple(replace(call, arguments=pseudonyms.restore(call.arguments)) for call in completion.calls)
        return replace(completion, text=pseudonyms.restore(completion.text), calls=calls)

    async def stream(
        self, request: ChatRequest, deadline: Deadline, on_disconnect: OnDisconnect | None = None
    ) -> AsyncGenerator[str | CompletionEnd, None]:
        pseudonyms = Pseudonyms(self.detector)
        replaced = pseudonymised(request, pseudonyms)
        restored = pseudonyms.stream()
        async with aclosing(self.model.stream(replaced, deadline, on_disconnect)) as items:
            async for item in items:
                text = restored.feed(item) if isinstance(item, str) else restored.end()
                if text:
                    yield text
                if isinstance(item, CompletionEnd):
                    yield item


def pseudonymised(request: ChatRequest, pseudonyms: Pseudonyms) -> ChatRequest:
    """The request with pseudonyms in all its texts, also in tools, stop texts and the response format, and a note about
    them in the first message.
    """
    others = str((request.sampling.stop, request.tools, request.response_format))
    pseudonyms.reserve([*(message.text for message in request.messages), others])
    messages = tuple(_replaced(message, pseudonyms) for message in request.messages)
    sampling = replace(request.sampling, stop=tuple(map(pseudonyms.replace, request.sampling.stop)))
    tools = tuple(_replaced_tool(tool, pseudonyms) for tool in request.tools)
    form = _replaced_value(request.response_format, pseudonyms)
    if not pseudonyms:
        return request
    first = replace(messages[0], content=messages[0].content + NOTE.format(example=pseudonyms.example))
    return replace(request, messages=(first, *messages[1:]), sampling=sampling, tools=tools, response_format=form)


def _replaced_tool(tool: Tool, pseudonyms: Pseudonyms) -> Tool:
    description, parameters = pseudonyms.replace(tool.description), _replaced_value(tool.parameters, pseudonyms)
    return replace(tool, description=description, parameters=parameters)


def _replaced_value(value: Any, pseudonyms: Pseudonyms) -> Any:
    """With each text in it replaced; names of members are left."""
    if isinstance(value, dict):
        return {name: _replaced_value(each, pseudonyms) for name, each in value.items()}
    if isinstance(value, list):
        return [_replaced_value(each, pseudonyms) for each in value]
    return pseudonyms.replace(value) if isinstance(value, str) else value


def _replaced(message: Message, pseudonyms: Pseudonyms) -> Message:
    calls = tuple(ToolCall(call.id, call.name, pseudonyms.replace(call.arguments)) for call in message.calls)
    return replace(message, content=pseudonyms.replace(message.content), calls=calls)
