"""The tools of the MCP server for one caller: which there are, and what a call does."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter

import structlog

from app.core.cancellation import was_cancelled
from app.core.errors import Problem
from app.core.genai import execute_tool
from app.core.http import note_in_log
from app.core.json_types import JsonObject
from app.core.logging import log_failure
from app.core.problems import count
from app.core.telemetry import annotate, histogram
from app.core.text import check_value
from app.identity.domain import Principal
from app.inference.service.client_actions import ClientActions
from app.mcp.domain.tools import (
    ReportProgress,
    ToolDefinition,
    ToolInvocation,
    ToolNotFound,
    ToolOutput,
    output_of_problem,
)
from app.mcp.ports import ServedTool
from app.mcp.service.action_tool import ActionTool

log = structlog.get_logger(__name__)

SECONDS = histogram("app_mcp_tool_seconds", "Duration of a call of a tool over MCP", ("tool", "outcome"))


@dataclass(frozen=True)
class ToolServer:
    """built_in: the tools that every release has. An action of the same name is not shown."""

    built_in: Sequence[ServedTool]
    actions: ClientActions

    def of(self, caller: Principal, environment: str | None = None) -> "ToolsOfCaller":
        return ToolsOfCaller(self, caller, environment)


@dataclass(frozen=True)
class ToolsOfCaller:
    """A CallerTools."""

    server: ToolServer
    caller: Principal
    environment: str | None = None

    async def list(self) -> Sequence[ToolDefinition]:
        """Those that the caller may call, in the order of their names."""
        tools = await self._tools()
        return [tools[name].definition for name in sorted(tools) if self.caller.may(tools[name].permission)]

    async def call(self, name: str, arguments: JsonObject, report: ReportProgress | None) -> ToolOutput:
        """Errors: ToolNotFound. Every other error is a result that says so."""
        try:
            tool = (await self._tools()).get(name)
        except Problem as problem:
            return _refused(problem)
        if tool is None:
            raise ToolNotFound("There is no tool of this name here.")
        started, outcome = perf_counter(), "failed"
        note_in_log({"tool": name})
        try:
            with execute_tool(name, ""):
                annotate(**{"mcp.method.name": "tools/call"})
                output = await self._called(tool, ToolInvocation(self.caller, arguments, self.environment, report))
            outcome = "failed" if output.failed else "completed"
        finally:
            SECONDS.labels(name, outcome).observe(perf_counter() - started)
        return output

    async def _called(self, tool: ServedTool, invocation: ToolInvocation) -> ToolOutput:
        try:
            self.caller.require(tool.permission)
            check_value(dict(invocation.arguments), "arguments")
            return await tool.call(invocation)
        except Problem as problem:
            return _refused(problem)
        except BaseException as error:
            if was_cancelled(error):
                raise
            log_failure(log, "mcp.tool_failed", error, tool=tool.name)
            return _refused(Problem())

    async def _tools(self) -> Mapping[str, ServedTool]:
        offers = await self.server.actions.offers(self.caller, self.environment)
        actions = [ActionTool(each, self.server.actions) for each in offers]
        return {each.name: each for each in (*actions, *self.server.built_in)}


def _refused(problem: Problem) -> ToolOutput:
    count(problem)
    annotate(**{"error.type": problem.code})
    return output_of_problem(problem)
