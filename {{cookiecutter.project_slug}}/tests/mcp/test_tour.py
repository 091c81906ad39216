"""The official client uses every tool, in the newest protocol and in the one before it."""

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from mcp.client import Client

from app.inference.domain.tool_calls import ToolResult
from app.inference.service.result_screening import normalised_content
from app.mcp.service.action_tool import _result_of
from tests.inference.conftest import Service
from tests.mcp.conftest import LEGACY, MODERN, call, connected, key_of, titled

TOOLS = ["add_ticket_note", "answer", "close_ticket", "look_up_ticket", "read_document", "search"]
QUESTION = "When was the lighthouse of Karlen built?"
TOKEN_CHARACTERS = 3.5
"""Fewer than a token of JSON has on average."""


async def tools_of(client: Client) -> dict[str, dict[str, Any]]:
    listed = await client.list_tools()
    return {tool.name: tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in listed.tools}


@pytest.mark.parametrize(("mode", "version"), [("auto", MODERN), ("legacy", LEGACY)])
async def test_the_official_client_uses_every_tool(service: Service, mode: str, version: str) -> None:
    ticket = await titled(service, "The pump leaks")
    key, arguments = await key_of(service, "operator"), {"ticket": ticket}
    async with connected(service, key, mode=mode) as client:
        assert client.protocol_version == version
        tools = await tools_of(client)
        assert list(tools) == TOOLS
        read = [[tool["name"], tool["description"], tool["inputSchema"]] for tool in tools.values()]
        assert len(json.dumps(read)) / TOKEN_CHARACTERS < 1000, "what a client's model reads of the list"
        assert len(json.dumps([*tools.values()])) / TOKEN_CHARACTERS < 2400
        found = (await client.call_tool("search", {"query": "the lighthouse"})).structured_content
        document = found["passages"][0]["document_id"]
        calls = {
            "answer": {"question": QUESTION},
            "read_document": {"document_id": document},
            "look_up_ticket": arguments,
            "add_ticket_note": arguments | {"text": "Flange tightened."},
            "close_ticket": arguments | {"resolution": "Done."},
        }
        results = {name: await client.call_tool(name, sent) for name, sent in calls.items()}
    for name, result in results.items():
        # The client has compared the structured content with the schema, too.
        Draft202012Validator(tools[name]["outputSchema"]).validate(result.structured_content)
        sent = result.model_dump_json(by_alias=True, exclude_none=True)
        assert not result.is_error, sent
        assert len(sent) / TOKEN_CHARACTERS < 4000
    contents = {name: result.structured_content for name, result in results.items()}
    assert contents["answer"]["text"].startswith("The lighthouse of Karlen")
    assert contents["answer"]["citations"][0]["document_id"] == document
    assert contents["read_document"]["text"].startswith("The lighthouse")
    assert contents["look_up_ticket"]["result"]["title"] == "The pump leaks"
    assert {name: contents[name]["state"] for name in ("look_up_ticket", "add_ticket_note", "close_ticket")} == {
        "look_up_ticket": "done",
        "add_ticket_note": "waiting",
        "close_ticket": "waiting",
    }
    async with service.client(key) as http:
        shown = (await http.get(contents["close_ticket"]["where"])).json()
    assert (shown["state"], shown["tainted"]) == ("waiting", True)
    assert shown["origins"] == {"ticket": ["client"], "resolution": ["client"]}


async def test_annotations_follow_the_risk_class(service: Service) -> None:
    async with connected(service, await key_of(service, "operator")) as client:
        tools = await tools_of(client)
    hints = {name: tool["annotations"] for name, tool in tools.items()}
    assert {name for name, hint in hints.items() if hint["readOnlyHint"]} == {*TOOLS} - {
        "add_ticket_note",
        "close_ticket",
    }
    assert [name for name, hint in hints.items() if hint["destructiveHint"]] == ["close_ticket"]
    assert not any(hint["openWorldHint"] for hint in hints.values())
    assert {len(hint) for hint in hints.values()} == {4}


async def test_the_list_holds_what_the_key_may_use(service: Service) -> None:
    async def listed(**terms: Any) -> list[str]:
        async with connected(service, await key_of(service, **terms)) as client:
            return [*await tools_of(client)]

    assert await listed() == [name for name in TOOLS if name != "close_ticket"]
    assert await listed(permissions=["mcp:use", "search:read"]) == ["search"]
    assert await listed(permissions=["mcp:use", "actions:propose", "tickets:read"]) == ["look_up_ticket"]
    assert await listed(permissions=["mcp:use", "tickets:read"]) == []


async def test_an_answer_is_sent_in_pieces_to_a_client_that_wants_progress(service: Service) -> None:
    pieces: list[str] = []

    async def told(_: float, __: float | None, message: str | None) -> None:
        pieces.append(message or "")

    async with connected(service) as client:
        answer = await client.call_tool("answer", {"question": QUESTION}, progress_callback=told)
    assert "".join(pieces) == answer.structured_content["text"]
    assert pieces


async def test_a_search_has_further_pages(service: Service) -> None:
    for number in range(6):
        text = f"Note {number} about the harbour. " + f"The harbour has quay {number}. " * 60
        await service.publish(text, title=f"Note {number}", uri=f"{number}.md")
    shown: list[tuple[str, int]] = []
    cursor: dict[str, str] = {}
    for _ in range(20):
        page = (await call(service, "search", query="harbour quay", **cursor))["structuredContent"]
        assert sum(len(each["text"].encode()) for each in page["passages"]) <= 5000
        shown += [(each["document_id"], each["start"]) for each in page["passages"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert len(shown) == len(set(shown)) > 5
    other = await call(service, "search", query="another query", **cursor)
    assert other["structuredContent"]["code"] == "tool_arguments_invalid"


async def test_a_long_document_is_read_in_pages_without_a_gap(service: Service) -> None:
    text = "".join(f"Line {number} – größer als «A».\n" for number in range(600))
    document = await service.publish(text, uri="long.md")
    read, start = "", 0
    while start is not None:
        page = (await call(service, "read_document", document_id=str(document), start=start))["structuredContent"]
        assert len(page["text"].encode()) <= 5000
        read, start = read + page["text"], page["next_start"]
    assert read == text


async def test_a_result_with_other_line_ends_is_still_a_result(service: Service) -> None:
    async with service.client() as client:
        made = await client.post("/v1/tickets", json={"title": "The pump", "text": "one\u2028two\n\u0303three"})
    result = await call(service, "look_up_ticket", ticket=made.json()["id"])
    assert not result.get("isError"), result
    assert result["structuredContent"]["result"]["text"].startswith("one\ntwo\n")


def test_a_result_that_was_cut_is_a_text() -> None:
    content = normalised_content('{"result":"a\u2028')
    assert content == '{"result":"a\n'
    assert _result_of(ToolResult(content, "")) == content
