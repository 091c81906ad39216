import asyncio
from typing import TYPE_CHECKING

from app.core.http import Receive, Scope, Send
from app.mcp.ports import CallerTools, ToolTransport

if TYPE_CHECKING:
    from app.adapters.mcp.server import SdkTransport


class DeferredTransport:
    """An `SdkTransport` that is imported with the first request, beside the work of the process: the SDK costs a second
    of processor time and 70 MB, and most processes serve no client of it.
    """

    def __init__(self, service: str) -> None:
        self._service = service
        self._transport: ToolTransport | None = None
        self._lock = asyncio.Lock()

    async def serve(self, tools: CallerTools, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._lock:
            if self._transport is None:
                self._transport = await asyncio.to_thread(self._imported)
        await self._transport.serve(tools, scope, receive, send)

    def _imported(self) -> "SdkTransport":
        from app.adapters.mcp.server import SdkTransport

        return SdkTransport(self._service)
