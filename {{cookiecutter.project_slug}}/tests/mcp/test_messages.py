"""Messages as bytes on the wire: what is refused, with which status and which code."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import orjson
from httpx import ASGITransport, AsyncClient

from app.main import create_app
from tests.inference.conftest import Service
from tests.mcp.conftest import LEGACY, META, headers_of, key_of, message

LIST = message("tools/list")
SEARCH = message("tools/call", name="search", arguments={"query": "tower"})
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": {"name": "tests", "version": "1"}},
}
UNKNOWN_VERSION = {
    **LIST,
    "params": {"_meta": META | {"io.modelcontextprotocol/protocolVersion": "2031-01-01"}},
}
OVERSIZED = message("tools/call", name="search", arguments={"query": "x" * 1_100_000})


@dataclass(frozen=True)
class Row:
    """status, code: of the reply; the code of a problem, of an error of the protocol, or of a result that failed."""

    name: str
    status: int
    code: Any
    body: Any = field(default_factory=lambda: LIST)
    headers: Mapping[str, str | None] = field(default_factory=dict)
    key: str = "user"
    method: str = "POST"


def arguments(tool: str, **sent: Any) -> dict[str, Any]:
    return message("tools/call", name=tool, arguments=sent)


INVALID = "tool_arguments_invalid"
DOCUMENT = "00000000-0000-4000-8000-000000000000"
ROWS = [
    Row("the list", 200, None),
    Row("a search", 200, None, SEARCH),
    Row("discovery", 200, None, message("server/discover")),
    Row("a handshake of the version before", 200, None, INITIALIZE, {"mcp-protocol-version": None}),
    Row("a notification", 202, None, {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {}}),
    # Who calls, and from where
    Row("no key", 401, "key_required", key="none"),
    Row("a wrong key", 401, "key_invalid", key="wrong"),
    Row("a key without the permission", 403, "permission_missing", key="service"),
    Row("a page of another origin", 403, "origin_not_allowed", headers={"origin": "https://evil.example"}),
    Row("a page without an origin of its own", 403, "origin_not_allowed", headers={"origin": "null"}),
    Row("another host", 403, "host_not_allowed", headers={"host": "evil.example"}),
    Row("a host that begins like this one", 403, "host_not_allowed", headers={"host": "127.0.0.1.evil.example"}),
    Row("a host with a wrong port", 403, "host_not_allowed", headers={"host": "evil.example:80"}),
    # The transport
    Row("another method of HTTP", 405, "method_not_allowed", method="GET"),
    Row("the end of a session", 405, "method_not_allowed", method="DELETE"),
    Row("another content type", 400, None, headers={"content-type": "text/plain"}),
    Row("no type that the server sends", 406, None, headers={"accept": "text/html"}),
    Row("a body that is no JSON", 400, -32700, b"{"),
    Row("a body of zeros", 400, -32700, b"\0\0"),
    Row("a body that is nested too deep", 400, -32700, b"[" * 100_000),
    Row("a batch", 400, -32600, [LIST, LIST]),
    Row("a number", 400, -32600, 7),
    Row("no version of JSON-RPC", 400, -32600, {"id": 1, "method": "tools/list", "params": {"_meta": META}}),
    Row("too large", 413, "too_large", OVERSIZED),
    # The envelope
    Row("a method in the header that is not the body's", 400, -32020, headers={"mcp-method": "tools/call"}),
    Row("no method in the header", 400, -32020, headers={"mcp-method": None}),
    Row("a tool in the header that is not the body's", 400, -32020, SEARCH, {"mcp-name": "answer"}),
    Row("an unknown version", 400, -32022, UNKNOWN_VERSION, {"mcp-protocol-version": "2031-01-01"}),
    Row("a version in the header that is not the body's", 400, -32020, UNKNOWN_VERSION),
    Row("no capabilities of the client", 400, -32602, {**LIST, "params": {"_meta": {}}}),
    Row("an unknown method", 404, -32601, message("tools/delete")),
    Row("prompts, which there are none of", 404, -32601, message("prompts/list")),
    Row("a second page of the tools", 400, -32602, message("tools/list", cursor="abc")),
    # Tools
    Row("an unknown tool", 400, -32602, arguments("delete_everything")),
    Row("a tool without a name", 400, -32602, message("tools/call", arguments={}), {"mcp-name": "search"}),
    Row(
        "a tool that the key may not use", 200, "permission_missing", arguments("answer", question="x"), key="searcher"
    ),
    Row("an action that the key may not use", 400, -32602, arguments("close_ticket")),
    Row("an unknown argument", 200, INVALID, arguments("search", query="x", tenant="other")),
    Row("groups as an argument", 200, INVALID, arguments("answer", question="x", groups=["hr"])),
    Row("no query", 200, INVALID, arguments("search")),
    Row("an empty query", 200, INVALID, arguments("search", query=" ")),
    Row("a query that is too long", 200, INVALID, arguments("search", query="x" * 4001)),
    Row("a query that is a list", 200, INVALID, arguments("search", query=["x"])),
    Row("too many passages", 200, INVALID, arguments("search", query="x", limit=1000)),
    Row("a cursor of nobody", 200, INVALID, arguments("search", query="x", cursor="MS4xLmFiYw")),
    Row("a cursor that is no cursor", 200, INVALID, arguments("search", query="x", cursor="é")),
    Row("too many tokens", 200, INVALID, arguments("answer", question="x", max_tokens=10**9)),
    Row("a NUL in a query", 422, "invalid", arguments("search", query="a\0b")),
    Row(
        "half a character in a query",
        422,
        "invalid",
        orjson.dumps(arguments("search", query="?")).replace(b"?", b"\\ud800"),
    ),
    Row("no id of a document", 200, INVALID, arguments("read_document", document_id="../etc/passwd")),
    Row("an unknown document", 200, "document_text_not_found", arguments("read_document", document_id=DOCUMENT)),
    Row("an unknown ticket", 200, "action_refused", arguments("look_up_ticket", ticket="T-99")),
    Row("an action with an unknown argument", 200, "action_refused", arguments("look_up_ticket", ticket="T-1", x=1)),
    Row(
        "an idempotency key of spaces",
        200,
        "idempotency_key_invalid",
        arguments("answer", question="x", idempotency_key=" \n"),
    ),
    Row("an environment that there is not", 422, "environment_not_found", headers={"x-environment": "moon"}),
    Row("staging without the permission", 403, "permission_missing", SEARCH, {"x-environment": "staging"}),
]


def code_of(content: bytes) -> Any:
    try:
        reply = orjson.loads(content)
    except ValueError:
        return None
    if "code" in reply:
        return reply["code"]
    if "error" in reply:
        return reply["error"]["code"]
    result = reply.get("result", {})
    return result["structuredContent"]["code"] if result.get("isError") else None


async def send(client: AsyncClient, row: Row, keys: Mapping[str, str]) -> tuple[int, Any]:
    content = row.body if isinstance(row.body, bytes) else orjson.dumps(row.body)
    headers = headers_of(row.body if isinstance(row.body, dict) else LIST) | dict(row.headers)
    if key := keys[row.key]:
        headers["authorization"] = f"Bearer {key}"
    sent = {name: value for name, value in headers.items() if value is not None}
    reply = await client.request(row.method, "/mcp", content=content, headers=sent)
    assert b"Traceback" not in reply.content, row.name
    return reply.status_code, code_of(reply.content)


async def test_every_message_has_its_reply(service: Service) -> None:
    restricted = await key_of(service, permissions=["mcp:use", "search:read"])
    keys = {"user": service.key, "none": "", "wrong": "sk_x", "searcher": restricted}
    keys["service"] = await key_of(service, "service")
    async with AsyncClient(base_url=service.url, timeout=600) as client:
        replies = {row.name: await send(client, row, keys) for row in ROWS}
    assert replies == {row.name: (row.status, row.code) for row in ROWS}
    assert len(replies) == len(ROWS) > 50


async def test_a_client_without_a_token_learns_where_it_gets_one(service: Service) -> None:
    async with AsyncClient(base_url=service.url, timeout=600) as client:
        reply = await client.post("/mcp", json=LIST, headers=headers_of(LIST))
        assert (reply.status_code, reply.headers["www-authenticate"]) == (401, "Bearer")
        assert (await client.get("/.well-known/oauth-protected-resource/mcp")).status_code == 404
    public = {"public_url": "https://answers.example", "oidc_issuer": "https://login.example"}
    state = replace(service.state, settings=service.state.settings.model_copy(update=public))
    described = f"{public['public_url']}/.well-known/oauth-protected-resource/mcp"
    transport, restricted = ASGITransport(app=create_app(state)), await key_of(service, permissions=["search:read"])
    async with AsyncClient(transport=transport, base_url=public["public_url"]) as client:
        reply = await client.post("/mcp", json=LIST, headers=headers_of(LIST))
        assert reply.headers["www-authenticate"] == f'Bearer resource_metadata="{described}"'
        authorized = headers_of(LIST) | {"authorization": f"Bearer {restricted}"}
        refused = await client.post("/mcp", json=LIST, headers=authorized)
        assert (refused.status_code, refused.headers["www-authenticate"]) == (
            403,
            f'Bearer resource_metadata="{described}", error="insufficient_scope"',
        )
        metadata = (await client.get(described)).json()
    assert metadata["resource"] == "https://answers.example/mcp"
    assert metadata["authorization_servers"] == [public["oidc_issuer"]]


async def test_the_server_can_be_switched_off(service: Service) -> None:
    state = replace(service.state, settings=service.state.settings.model_copy(update={"mcp": False}))
    transport, key = ASGITransport(app=create_app(state)), {"authorization": f"Bearer {service.key}"}
    async with AsyncClient(transport=transport, base_url="http://localhost") as client:
        assert (await client.post("/mcp", json=LIST, headers=headers_of(LIST) | key)).status_code == 404


def test_calls_wait_in_the_queue_of_answers(service: Service) -> None:
    limits = create_app(service.state).state.admission.limits
    assert limits.for_path("/mcp") is limits.for_path("/v1/answers")
