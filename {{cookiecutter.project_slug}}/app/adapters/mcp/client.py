"""Other MCP servers, over the official SDK. A connection for each use: nothing of a server stays in this process."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast
from uuid import UUID

import httpx
import httpx2
import orjson
from jsonschema import Draft202012Validator
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import CallToolResult, RequestParamsMeta, TextContent
from referencing import Registry

from app.actions.domain import (
    ExternalServer,
    ExternalToolChanged,
    ExternalToolFailed,
    ExternalToolPin,
    ToolDescription,
    ToolServerUnavailable,
)
from app.adapters.outbound import OutboundTransport, failure_reason, make_transport
from app.core.cancellation import was_cancelled
from app.core.errors import Problem
from app.core.json_types import JsonObject
from app.core.outbound import DIRECT, OutboundRules
from app.core.text import clean

MAX_REPLY_BYTES = 1_000_000
MAX_PAGES = 10
MAX_TOOLS = 200
MAX_NAME_CHARACTERS = 128
MAX_DESCRIPTION_CHARACTERS = 2_000
MAX_SCHEMA_BYTES = 20_000
MAX_TEXT_CHARACTERS = 8_000
IDEMPOTENCY_KEY = "idempotencyKey"
RETRY_SECONDS = 5.0


class SdkToolServers:
    """A ToolServers. secrets: header values, by the names that the policy uses for them."""

    def __init__(self, secrets: Mapping[str, str], rules: OutboundRules = DIRECT) -> None:
        self._secrets, self._rules = secrets, rules

    async def describe(self, server: ExternalServer) -> Sequence[ToolDescription]:
        try:
            async with asyncio.timeout(server.timeout_seconds), self._connected(server) as client:
                return await _described(client)
        except BaseException as error:
            raise _problem_in(error) or _unavailable(error) from error

    async def call(self, pin: ExternalToolPin, arguments: Mapping[str, Any], run_id: UUID) -> JsonObject:
        called = False
        try:
            async with asyncio.timeout(pin.server.timeout_seconds), self._connected(pin.server) as client:
                found = next((each for each in await _described(client) if each.name == pin.tool), None)
                if found is None or found.digest != pin.accepted.digest:
                    raise ExternalToolChanged(f"{pin.action} is not as it was accepted, and was not called.")
                called = True
                result = await client.call_tool(
                    pin.tool, dict(arguments), meta=cast(RequestParamsMeta, {IDEMPOTENCY_KEY: str(run_id)})
                )
                return _result(pin, result)
        except BaseException as error:
            if problem := _problem_in(error):
                raise problem from None
            unavailable = _unavailable(error)
            if called:  # whether it was done is unknown, so that it is not tried again
                raise ExternalToolFailed(f"{pin.action} gave no result; it may have been done.") from error
            raise unavailable from error

    def fault(self, parameters: JsonObject, arguments: Mapping[str, Any]) -> str | None:
        try:
            validator = Draft202012Validator(dict(parameters), registry=Registry())
            error = next(iter(validator.iter_errors(dict(arguments))), None)
        except Exception:  # a schema of strangers may fail in any way, such as a pattern that Python does not know
            return "the tool's own schema cannot be used"
        if error is None:
            return None
        where = ".".join(map(str, error.absolute_path))
        return f"{where or 'the arguments'} must be valid by '{error.validator}' of the tool's schema"

    @asynccontextmanager
    async def _connected(self, server: ExternalServer) -> AsyncIterator[Client]:
        if missing := sorted(set(server.headers.values()) - self._secrets.keys()):
            raise ToolServerUnavailable(
                f"APP_MCP_SECRETS has no secret named {', '.join(missing)}, which the server needs.",
                retry_after=RETRY_SECONDS,
            )
        headers = {name: self._secrets[secret] for name, secret in server.headers.items()}
        transport = _Bounded(make_transport(rules=self._rules))
        async with httpx2.AsyncClient(
            headers=headers, timeout=server.timeout_seconds, transport=transport, trust_env=False
        ) as http:
            channel = streamable_http_client(server.url, http_client=http)
            async with Client(channel, cache=None, read_timeout_seconds=server.timeout_seconds) as client:
                yield client


class _TooMuch(Exception):
    pass


class _Counted(httpx2.AsyncByteStream):
    def __init__(self, stream: httpx.AsyncByteStream) -> None:
        self._stream, self._left = stream, MAX_REPLY_BYTES

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._stream:
            self._left -= len(part)
            if self._left < 0:
                raise _TooMuch
            yield part

    async def aclose(self) -> None:
        await self._stream.aclose()


class _Bounded(httpx2.AsyncBaseTransport):
    """Sends the requests of the SDK's HTTP library as all outgoing calls are sent. Ends a reply that is larger than any
    result may be. Asks for plain bytes, so that none grows by unpacking.
    """

    def __init__(self, transport: OutboundTransport) -> None:
        self._transport = transport

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        request.headers["accept-encoding"] = "identity"
        body, headers = await request.aread(), request.headers.raw
        sent = httpx.Request(
            request.method, str(request.url), headers=headers, content=body or None, extensions=request.extensions
        )
        try:
            response = await self._transport.handle_async_request(sent)
        except httpx.HTTPError as error:
            raise httpx2.NetworkError(failure_reason(error)) from error
        stream = response.stream
        if "content-encoding" in response.headers or not isinstance(stream, httpx.AsyncByteStream):
            await response.aclose()
            raise _TooMuch
        return httpx2.Response(response.status_code, headers=response.headers.raw, stream=_Counted(stream))

    async def aclose(self) -> None:
        await self._transport.aclose()


async def _described(client: Client) -> list[ToolDescription]:
    found: list[ToolDescription] = []
    cursor: str | None = None
    for _ in range(MAX_PAGES):
        page = await client.list_tools(cursor=cursor)
        found += [ToolDescription(each.name, each.description or "", each.input_schema) for each in page.tools]
        cursor = page.next_cursor
        if cursor is None or len(found) >= MAX_TOOLS:
            break
    return [each for each in found[:MAX_TOOLS] if _is_usable(each)]


def _is_usable(tool: ToolDescription) -> bool:
    """Small enough to be read by a person, and text that can be stored."""
    schema = orjson.dumps(tool.parameters)
    try:
        _ = tool.digest
    except ValueError:  # such as NaN
        return False
    return (
        len(tool.name) <= MAX_NAME_CHARACTERS
        and tool.name.isprintable()
        and len(tool.description) <= MAX_DESCRIPTION_CHARACTERS
        and len(schema) <= MAX_SCHEMA_BYTES
        and clean(tool.description) == tool.description
        and b"\\u0000" not in schema
    )


def _result(pin: ExternalToolPin, result: CallToolResult) -> JsonObject:
    if result.is_error and pin.accepted.risk != "read":
        raise ExternalToolFailed(f"{pin.action} reported an error.")
    text = "\n".join(each.text for each in result.content if isinstance(each, TextContent))
    found: dict[str, Any] = {"text": clean(text[:MAX_TEXT_CHARACTERS])}
    structured = result.structured_content
    if isinstance(structured, dict) and len(orjson.dumps(structured)) <= MAX_TEXT_CHARACTERS:
        found["data"] = _cleaned(structured)
    return found | ({"failed": True} if result.is_error else {})


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {clean(name): _cleaned(each) for name, each in value.items()}
    return [_cleaned(each) for each in value] if isinstance(value, list) else value


def _problem_in(error: BaseException) -> Problem | None:
    """The problem that the code above raised, from inside the groups that the SDK makes of errors."""
    if isinstance(error, Problem):
        return error
    inner = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    return next((found for each in inner if (found := _problem_in(each))), None)


def _unavailable(error: BaseException) -> ToolServerUnavailable:
    """Errors: the error itself, where this process is to end."""
    if was_cancelled(error) or isinstance(error, (KeyboardInterrupt, SystemExit)):
        raise error
    reason = "no reply in time" if isinstance(error, TimeoutError) else "no usable reply"
    return ToolServerUnavailable(f"The server gave {reason}.", retry_after=RETRY_SECONDS)
