from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import orjson

from app.actions.domain import PROPOSE_PERMISSION, ActionOffer, ProposalRefused, StoredAction
from app.core.errors import Invalid
from app.inference.domain.tool_calls import ToolResult
from app.inference.service.client_actions import ClientActions
from app.mcp.domain.quotation import PAGE_BYTES, cut, new_mark, opening, quoted
from app.mcp.domain.tools import EFFECTS_OF_RISK, ToolDefinition, ToolInvocation, ToolOutput, compact, schema_of
from app.mcp.schemas import ActionToolResponse

OUTPUT_SCHEMA = schema_of(ActionToolResponse)


class ActionRefused(Invalid):
    """`reason` in the problem: not_offered, arguments_invalid, origin_refused, limit_reached or failed."""

    code, title = "action_refused", "The action was not proposed"
    action = "Correct what the detail names, then propose it again."


@dataclass(frozen=True)
class ActionTool:
    """An action of the registry as a tool. It proposes; what does more than read waits for a person."""

    offer: ActionOffer
    actions: ClientActions

    permission: ClassVar[str] = PROPOSE_PERMISSION

    @property
    def name(self) -> str:
        return self.offer.name

    @property
    def definition(self) -> ToolDefinition:
        offer = self.offer
        effects = replace(EFFECTS_OF_RISK[offer.risk], open_world=offer.external)
        waits = "" if offer.risk == "read" else " It waits until a person approves it."
        title = offer.name.replace("_", " ").capitalize()
        schema = compact(offer.parameters)
        return ToolDefinition(offer.name, title, offer.description + waits, schema, OUTPUT_SCHEMA, effects)

    async def call(self, invocation: ToolInvocation) -> ToolOutput:
        arguments = orjson.dumps(dict(invocation.arguments)).decode()
        proposed = await self.actions.propose(invocation.caller, self.name, arguments, invocation.environment)
        if isinstance(proposed, ProposalRefused):
            raise ActionRefused(proposed.detail, reason=proposed.reason)
        return _output(*proposed)


def _output(action: StoredAction, result: ToolResult) -> ToolOutput:
    where = f"/v1/actions/{action.id}"
    waits = action.terms if action.state == "waiting" else None
    response = ActionToolResponse(
        action_id=action.id,
        action=action.action,
        risk=action.risk,
        state=action.state,
        where=where,
        due_at=waits.due_at.isoformat() if waits else None,
        result=_result_of(result) if action.state == "done" else None,
    )
    return ToolOutput(response.model_dump(mode="json"), _text(action, result, response))


def _result_of(result: ToolResult) -> Any:
    """Screened; cut to a text where it is too large for one result."""
    if len(result.content.encode()) > PAGE_BYTES:
        return cut(result.content, PAGE_BYTES)
    try:
        value: Mapping[str, Any] = orjson.loads(result.content)
    except orjson.JSONDecodeError:  # it was cut before characters without width were taken out
        return result.content
    return value.get("result", value)


def _text(action: StoredAction, result: ToolResult, response: ActionToolResponse) -> str:
    if action.state == "waiting":
        return f"{action.action} waits for a person, at the latest until {response.due_at}. See {response.where}."
    if action.state != "done":
        reason = f": {action.reason}" if action.reason else ""
        return f"{action.action} is {action.state}{reason}. See {response.where}."
    mark = new_mark()
    text = quoted(action.action, cut(result.content, PAGE_BYTES), mark, f'action="{action.id}"')
    return f"{opening(mark)}\n{text}"
