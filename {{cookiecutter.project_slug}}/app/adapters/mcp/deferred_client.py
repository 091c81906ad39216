import asyncio
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any
from uuid import UUID

from app.actions.domain import ExternalServer, ExternalToolPin, ToolDescription
from app.core.json_types import JsonObject
from app.core.outbound import OutboundRules

if TYPE_CHECKING:
    from app.adapters.mcp.client import SdkToolServers


class DeferredToolServers:
    """An `SdkToolServers` that is imported when a policy names a server, beside the work of the process."""

    def __init__(self, secrets: Mapping[str, str], rules: OutboundRules) -> None:
        self._secrets, self._rules = secrets, rules

    @cached_property
    def _servers(self) -> "SdkToolServers":
        from app.adapters.mcp.client import SdkToolServers

        return SdkToolServers(self._secrets, self._rules)

    async def describe(self, server: ExternalServer) -> Sequence[ToolDescription]:
        return await (await self._imported()).describe(server)

    async def call(self, pin: ExternalToolPin, arguments: Mapping[str, Any], run_id: UUID) -> JsonObject:
        return await (await self._imported()).call(pin, arguments, run_id)

    def fault(self, parameters: JsonObject, arguments: Mapping[str, Any]) -> str | None:
        return self._servers.fault(parameters, arguments)

    async def _imported(self) -> "SdkToolServers":
        return await asyncio.to_thread(lambda: self._servers)
