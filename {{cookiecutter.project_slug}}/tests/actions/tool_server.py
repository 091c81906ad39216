"""A real MCP server on loopback, made with the official SDK, whose tools and faults a test changes."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from mcp.server.lowlevel.server import Server
from mcp_types import CallToolResult, ListToolsResult, TextContent, Tool

from app.actions.domain import AcceptedTool, ExternalServer, RiskClass, ToolDescription
from tests.serving import running

FIND: dict[str, Any] = {
    "name": "find-issue",
    "description": "Finds an issue of the tracker.",
    "input_schema": {"type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]},
}
CLOSE: dict[str, Any] = {
    "name": "close-issue",
    "description": "Closes an issue of the tracker.",
    "input_schema": {"type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"]},
}
PERMISSION = "tickets:read"


@dataclass
class Tracker:
    """packed: whether replies are compressed. calls: what was called. seen: the headers of each request."""

    url: str = ""
    tools: list[dict[str, Any]] = field(default_factory=lambda: [dict(FIND), dict(CLOSE)])
    reply: str = "It is open: the pump leaks."
    failed: bool = False
    packed: bool = False
    seconds: float = 0.0
    calls: list[tuple[str, dict[str, Any] | None]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    seen: list[dict[str, str]] = field(default_factory=list)

    def accepted(self, name: str, risk: RiskClass = "read") -> AcceptedTool:
        """The tool as it is described now."""
        [tool] = [tool for tool in self.tools if tool["name"] == name]
        digest = ToolDescription(name, tool["description"], tool["input_schema"]).digest
        return AcceptedTool(digest=digest, risk=risk, permission=PERMISSION)

    def server(self, **changes: Any) -> ExternalServer:
        tools = {"find-issue": self.accepted("find-issue"), "close-issue": self.accepted("close-issue", "irreversible")}
        return ExternalServer(**({"url": self.url, "tools": tools, "timeout_seconds": 30} | changes))

    async def _list(self, *_: Any) -> ListToolsResult:
        return ListToolsResult(tools=[Tool(**each) for each in self.tools])

    async def _call(self, ctx: Any, params: Any) -> CallToolResult:
        self.calls.append((params.name, params.arguments))
        self.keys.append(str((ctx.meta or {}).get("idempotencyKey")))
        await asyncio.sleep(self.seconds)
        return CallToolResult(content=[TextContent(text=self.reply)], is_error=self.failed)


def packing(send: Any) -> Any:
    """Sends a reply in one part, compressed whether or not that was asked for."""
    started: dict[str, Any] = {}

    async def packed(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            started.update(message)
            return
        body = gzip.compress(message.get("body", b""))
        kept = [each for each in started["headers"] if each[0] != b"content-length"]
        encoded = [(b"content-encoding", b"gzip"), (b"content-length", str(len(body)).encode())]
        await send({**started, "headers": [*kept, *encoded]})
        await send({**message, "body": body, "more_body": False})

    return packed


@asynccontextmanager
async def tracker_served() -> AsyncIterator[Tracker]:
    tracker = Tracker()
    server: Server[Any] = Server("tracker", on_list_tools=tracker._list, on_call_tool=tracker._call)
    app = server.streamable_http_app(stateless_http=True, json_response=True)

    async def recorded(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            tracker.seen.append({name.decode(): value.decode() for name, value in scope["headers"]})
        await app(scope, receive, packing(send) if tracker.packed and scope["type"] == "http" else send)

    async with running(uvicorn.Server(uvicorn.Config(recorded, port=0, log_level="error"))) as port:
        tracker.url = f"http://127.0.0.1:{port}/mcp"
        yield tracker
