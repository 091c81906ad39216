"""Tools of other MCP servers as actions: known once their server has described them as they were accepted."""

import asyncio
from collections.abc import Callable, ItemsView, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog
from pydantic import BaseModel, RootModel, model_validator
from sqlalchemy.ext.asyncio import AsyncConnection

from app.actions.domain import (
    ActionPolicy,
    ActionRun,
    ExternalServer,
    ExternalToolFailed,
    ExternalToolPin,
    ExternalToolStatus,
    RiskClass,
    ToolDescription,
    ToolServerUnavailable,
    pins_of,
)
from app.actions.ports import Action, ToolServers
from app.core.errors import Problem
from app.core.json_types import JsonObject
from app.core.telemetry import gauge

log = structlog.get_logger(__name__)

REFRESH_SECONDS = 60.0

OFFERED = gauge("app_external_tools_available", "Accepted tools of an MCP server that it has now", ("server",))


@dataclass(frozen=True, eq=False)
class ExternalAction:
    """An Action. described: None while its server has not described it as it was accepted; then it is not offered."""

    pin: ExternalToolPin
    servers: ToolServers
    described: ToolDescription | None

    untrusted = True

    @property
    def name(self) -> str:
        return self.pin.action

    @property
    def description(self) -> str:
        return self.described.description if self.described else ""

    @property
    def risk(self) -> RiskClass:
        return self.pin.accepted.risk

    @property
    def scope(self) -> str:
        return self.pin.accepted.permission

    @property
    def arguments(self) -> type[BaseModel]:
        return _arguments_model(self.servers, self.described)

    async def run(
        self, connection: AsyncConnection, run: ActionRun, arguments: RootModel[dict[str, object]]
    ) -> JsonObject:
        return await self.call(run, arguments)

    async def call(self, run: ActionRun, arguments: BaseModel) -> JsonObject:
        """Errors: ToolServerUnavailable, which is tried again; ExternalToolChanged, ExternalToolFailed."""
        try:
            return await self.servers.call(self.pin, arguments.model_dump(), run.id)
        except ToolServerUnavailable as error:
            if self.risk == "read":  # a model waits for it, and answers without it
                raise ExternalToolFailed(error.detail) from error
            raise


def tool_of(action: Action) -> JsonObject | None:
    """What an approval of this action is bound to, where it is a tool of another server."""
    return action.pin.approved_as if isinstance(action, ExternalAction) else None


def _arguments_model(servers: ToolServers, described: ToolDescription | None) -> type[BaseModel]:
    parameters: JsonObject = described.parameters if described else {"type": "object"}

    class ExternalArguments(RootModel[dict[str, object]]):
        @model_validator(mode="after")
        def _fit(self) -> "ExternalArguments":
            if described is not None and (fault := servers.fault(parameters, self.root)):
                raise ValueError(fault)
            return self

        @classmethod
        def model_json_schema(cls, *_: Any, **__: Any) -> dict[str, Any]:
            return dict(parameters)

    return ExternalArguments


@dataclass(frozen=True)
class ExternalActions:
    """live_policy: that of the live release, whose accepted tools are actions. other_policies: of the other releases
    that are served, such as in staging.
    """

    servers: ToolServers
    live_policy: Callable[[], ActionPolicy]
    other_policies: Callable[[], Sequence[ActionPolicy]] = tuple
    _described: dict[tuple[str, str], Mapping[str, ToolDescription]] = field(default_factory=dict)
    """By server and address, what it described last."""

    def actions(self, policy: ActionPolicy | None = None) -> dict[str, ExternalAction]:
        """One for each accepted tool, by its name. None: of the live release."""
        pins = pins_of((policy or self.live_policy()).servers)
        return {name: ExternalAction(pin, self.servers, self._as_accepted(pin)) for name, pin in pins.items()}

    def _as_accepted(self, pin: ExternalToolPin) -> ToolDescription | None:
        found = self._described.get((pin.server_name, pin.server.url), {}).get(pin.tool)
        return found if found is not None and found.digest == pin.accepted.digest else None

    async def refresh(self) -> None:
        """Asks every server of the policies for its tools. One that is down loses its own, and no others."""
        policies = (*self.other_policies(), self.live_policy())
        servers = {(name, server.url): server for policy in policies for name, server in policy.servers.items()}
        await asyncio.gather(*(self._refresh(name, server) for (name, _), server in servers.items()))

    async def _refresh(self, name: str, server: ExternalServer) -> None:
        before = self._described.get((name, server.url))
        try:
            tools = {each.name: each for each in await self.servers.describe(server)}
        except ToolServerUnavailable as error:
            if before != {}:
                log.warning("actions.tool_server_unavailable", server=name, reason=error.detail)
            tools = {}
        self._described[name, server.url] = tools
        pins = list(pins_of({name: server}).values())
        OFFERED.labels(name).set(sum(self._as_accepted(pin) is not None for pin in pins))
        if before != tools:
            for pin in pins:
                if (now := tools.get(pin.tool)) is not None and now.digest != pin.accepted.digest:
                    log.warning("actions.external_tool_changed", server=name, action=pin.action, digest=now.digest)

    async def watch(self) -> None:
        """Runs until cancelled."""
        while True:
            try:
                await self.refresh()
            except Problem as problem:  # the live release is not loaded yet
                log.info("actions.tool_servers_not_asked", code=problem.code)
            await asyncio.sleep(REFRESH_SECONDS)

    async def status(self) -> Sequence[ExternalToolStatus]:
        """Every tool of every server of the policy, and every accepted one that its server does not have."""
        await self.refresh()
        policy = self.live_policy()
        return [each for name, server in policy.servers.items() for each in self._status_of(policy, name, server)]

    def _status_of(self, policy: ActionPolicy, name: str, server: ExternalServer) -> Iterator[ExternalToolStatus]:
        tools = self._described[name, server.url]
        for pin in pins_of({name: server}).values():
            found = tools.get(pin.tool)
            if found is None:
                yield ExternalToolStatus(name, pin.tool, "missing" if tools else "unavailable", None)
            elif found.digest != pin.accepted.digest:
                yield ExternalToolStatus(name, pin.tool, "changed", found)
            else:
                state = "offered" if pin.action in policy.offered else "accepted"
                yield ExternalToolStatus(name, pin.tool, state, found)  # type: ignore[arg-type]
        for tool, description in tools.items():
            if tool not in server.tools:
                yield ExternalToolStatus(name, tool, "not_accepted", description)


@dataclass(frozen=True)
class ActionRegistry(Mapping[str, Action]):
    """All actions by name: those of this service, and the accepted tools of other servers."""

    own: Mapping[str, Action]
    external: ExternalActions

    def of(self, policy: ActionPolicy | None = None) -> dict[str, Action]:
        """Those of a release by its policy, all at once: to look each of them up would compare every description once
        for each. None: of the live release.
        """
        return {**self.external.actions(policy), **self.own}

    def bound(self, name: str, tool: JsonObject | None) -> Action | None:
        """The action that an approval is bound to, of any release that is served; else the one of the live release."""
        if tool is not None:
            for policy in self.external.other_policies():
                if (found := self.external.actions(policy).get(name)) is not None and tool_of(found) == tool:
                    return found
        return self.get(name)

    def __getitem__(self, name: str) -> Action:
        return self.own[name] if name in self.own else self.external.actions()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.of())

    def __len__(self) -> int:
        return len(self.of())

    def items(self) -> ItemsView[str, Action]:
        return self.of().items()
