from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from app.core.http import Receive, Scope, Send
from app.mcp.domain.tools import ReportProgress, ToolDefinition, ToolInvocation, ToolOutput


class ServedTool(Protocol):
    """A tool of the MCP server."""

    @property
    def name(self) -> str: ...

    @property
    def permission(self) -> str:
        """The permission without which a caller neither sees it nor may call it."""
        ...

    @property
    def definition(self) -> ToolDefinition: ...

    async def call(self, invocation: ToolInvocation) -> ToolOutput:
        """Errors: a Problem, which becomes a result that says so."""
        ...


class CallerTools(Protocol):
    """The tools for one authenticated request."""

    async def list(self) -> Sequence[ToolDefinition]:
        """Those that the caller may call, in the order of their names."""
        ...

    async def call(self, name: str, arguments: Mapping[str, Any], report: ReportProgress | None) -> ToolOutput:
        """Errors: ToolNotFound. Every other error is a result that says so."""
        ...


class ToolTransport(Protocol):
    """Speaks the protocol over one HTTP request."""

    async def serve(self, tools: CallerTools, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends the reply; what goes wrong is an error of the protocol in it."""
        ...
