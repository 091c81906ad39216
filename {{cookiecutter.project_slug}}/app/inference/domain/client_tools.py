"""Tools of the client's own: the model may call them, the client runs them and sends their results."""

import re
from collections.abc import Callable, Mapping, Sequence

import orjson

from app.core.errors import Invalid
from app.inference.domain.answer_format import AnswerFormat, ObjectInvalid, map_texts
from app.inference.domain.tool_calls import ToolSession
from app.llm.domain.messages import Tool, ToolCall

TOOL_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
MAX_DESCRIPTION, MAX_TOOL_CHARACTERS = 4_000, 100_000
MAX_EXCHANGE, MAX_EXCHANGE_CHARACTERS = 64, 200_000

CHANGED_ALREADY = "An action was proposed in this answer already; tools of the reader cannot be called after it."


class ToolInvalid(Invalid):
    code, title, param = "tool_invalid", "A tool cannot be offered to the model", "tools"
    action = "Correct the tool; GET /v1/actions/catalogue lists the actions that need no definition."


class ToolResultsInvalid(Invalid):
    code, title, param = "tool_results_invalid", "The results of tools do not fit their calls", "messages"
    action = "Send the assistant's message with its tool_calls, then one message of the role tool for each call."


def check_calls(
    session: ToolSession,
    calls: Sequence[ToolCall],
    objection: Callable[[str], str | None],
    mask: Callable[[str], str],
) -> tuple[tuple[ToolCall, ...], Mapping[str, str]]:
    """The calls to hand on to the client, with personal data in them masked; or why which calls are not, by id.

    All calls of the client's tools, or none. objection: why a text may not leave.
    """
    tools = {tool.name: tool for tool in session.client_tools}
    own = [call for call in calls if call.name in tools]
    if any(entry.proposal.risk != "read" for entry in session.entries):
        return (), {call.id: CHANGED_ALREADY for call in own}
    checked, problems = [], {}
    for call in own:
        try:
            checked.append(ToolCall(call.id, call.name, _arguments(tools[call.name], call, objection, mask)))
        except ObjectInvalid as error:
            problems[call.id] = f"The arguments cannot be used: {error}"
    return (() if problems else tuple(checked)), problems


def _arguments(tool: Tool, call: ToolCall, objection: Callable[[str], str | None], mask: Callable[[str], str]) -> str:
    arguments = AnswerFormat(tool.name, tool.parameters).parse(call.arguments or "{}")
    if objection(call.arguments) or objection(" ".join(_texts(arguments))):
        raise ObjectInvalid("They contain what may not leave this service.")
    return orjson.dumps(map_texts(arguments, mask)).decode()


def _texts(value: object) -> list[str]:
    texts: list[str] = []
    map_texts(value, lambda text: texts.append(text) or text)  # type: ignore[func-returns-value]
    return texts
