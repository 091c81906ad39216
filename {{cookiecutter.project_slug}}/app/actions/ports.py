from collections.abc import Mapping, Sequence
from typing import Any, Protocol
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncConnection

from app.actions.domain import ActionRun, ExternalServer, ExternalToolPin, RiskClass, ToolDescription
from app.core.json_types import JsonObject


class Action(Protocol):
    """Something that a model may propose. app.wiring registers the actions.

    description: for the model, one or two sentences. scope: the permission that its requester must hold, now and when
    it runs. untrusted: its result may hold text from untrusted sources. arguments: a model that forbids unknown fields.
    """

    @property
    def name(self) -> str: ...
    @property
    def description(self) -> str: ...
    @property
    def risk(self) -> RiskClass: ...
    @property
    def scope(self) -> str: ...
    @property
    def untrusted(self) -> bool: ...
    @property
    def arguments(self) -> type[BaseModel]: ...

    async def run(self, connection: AsyncConnection, run: ActionRun, arguments: Any) -> JsonObject:
        """Runs the action and returns its result, as JSON. arguments: an instance of `self.arguments`.

        What it writes through `connection` is committed exactly once. Send `run.id` to an external system as the
        idempotency key: the call is repeated when this process dies in it. A read gets a read-only connection.
        Errors: a Problem, whose detail the model or the reader sees; one with `retry_after` or a 5xx status is retried.
        """
        ...


class ToolServers(Protocol):
    """Other MCP servers, as a client of them. What they send is bounded in size and time, and text of strangers."""

    async def describe(self, server: ExternalServer) -> Sequence[ToolDescription]:
        """The tools that a server has now. Errors: ToolServerUnavailable."""
        ...

    async def call(self, pin: ExternalToolPin, arguments: Mapping[str, Any], run_id: UUID) -> JsonObject:
        """The result of a tool, after a check in the same connection that it is still the accepted one.

        run_id: sent as the idempotency key. Errors: ToolServerUnavailable before the tool was called,
        ExternalToolChanged, ExternalToolFailed.
        """
        ...

    def fault(self, parameters: JsonObject, arguments: Mapping[str, Any]) -> str | None:
        """What is wrong with arguments by a JSON schema, as a sentence; None: nothing."""
        ...
