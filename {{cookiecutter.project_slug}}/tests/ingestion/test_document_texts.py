"""The text that a citation was cut out of, and the original file: for those alone who may read the document."""

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import httpx
import pytest

from app.identity.domain import PERMISSIONS
from app.wiring import State

SECRET = "sk_live_" + "4eC39HqLyjWDarjtT1zdp7dc"  # in two parts, so that a scan for secrets finds none
RULES = f"# Harbour rules\n\n## Gate\n\nThe gate \U0001f6a2 opens at seven. The token is {SECRET}.\n".encode()
HOSTILE = b"<script>alert(1)</script><p>The harbour master of Zadar opens the gate at seven every morning.</p>"


@pytest.fixture
def reader(state: State, tenant: Any, client: httpx.AsyncClient) -> Any:
    """Asks with a key of these groups; returns the reply."""

    async def read(path: str, groups: Sequence[str] = (), role: str = "operator", tenant_id: Any = None, **params: Any):
        key = await state.identity.create_key(tenant_id or tenant, "reader", [role], groups)
        return await client.get(path, params=params, headers={"Authorization": f"Bearer {key.text}"})

    return read


async def test_a_citation_opens_at_its_place(ingest, client, reader) -> None:
    await ingest(("rules.md", RULES))
    answer = (await client.post("/v1/answers", json={"question": "When does the gate open?"})).json()
    citation = answer["citations"][0]
    place = {name: citation[name] for name in ("version", "start", "end")}
    body = (await reader(f"/v1/documents/{citation['document_id']}/text", role="user", **place)).json()
    assert body["marked"] == {"start": citation["start"], "end": citation["end"]}
    assert body["text"][citation["start"] : citation["end"]] == citation["quote"]
    assert [(each["level"], each["title"]) for each in body["headings"]] == [(1, "Harbour rules"), (2, "Gate")]
    assert all(body["text"][each["start"] :].lstrip("# ").startswith(each["title"]) for each in body["headings"])
    assert (body["title"], body["uri"], body["version"]) == ("Harbour rules", "rules.md", 1)
    assert SECRET not in body["text"]


async def test_a_secret_is_masked_wherever_it_stands_in_a_document(ingest, client) -> None:
    """In the title, in a heading, in the text and in the address, of a document and of its passages."""
    page = f"# Harbour {SECRET}\n\n## Gate {SECRET}\n\nThe gate opens at seven by {SECRET}.\n".encode()
    (document,) = await ingest((f"{SECRET}.md", page))
    shown = await client.get(f"/v1/documents/{document['id']}/text")
    found = await client.post("/v1/search", json={"query": "When does the gate open?"})
    assert (shown.status_code, found.status_code) == (200, 200)
    assert [each["title"].split()[0] for each in shown.json()["headings"]] == ["Harbour", "Gate"]
    assert found.json()["passages"]
    assert SECRET not in shown.text
    assert SECRET not in found.text


async def test_only_the_published_version_has_a_text(ingest, send, client) -> None:
    (document,) = await ingest(("rules.md", RULES))
    path = f"/v1/documents/{document['id']}/text"
    await ingest(("rules.md", RULES.replace(b"seven", b"eight")))
    await send(("rules.md", RULES.replace(b"seven", b"nine")))
    published = (await client.get(path)).json()
    assert (published["version"], "eight" in published["text"], published["marked"]) == (2, True, None)
    for version in (1, 3):
        reply = await client.get(path, params={"version": version})
        assert (reply.status_code, reply.json()["code"]) == (404, "document_version_not_found")
    for span in ({"start": 1}, {"end": 1}, {"start": 5, "end": 5}, {"start": 0, "end": 10**6}, {"start": -1, "end": 3}):
        assert (await client.get(path, params=span)).status_code == 422, span


@pytest.mark.parametrize("part", ["text", "original"])
async def test_who_may_not_read_a_document_gets_neither_text_nor_file(ingest, client, state, reader, part: str) -> None:
    (document,) = await ingest(("rules.md", RULES), access_groups="hr")
    path = f"/v1/documents/{document['id']}/{part}"
    other = await state.identity.ensure_tenant(f"other-{uuid4().hex}")
    expected = (("hr",), None, 200), ((), None, 404), (("lab",), None, 404), (("hr",), other, 404)
    for groups, tenant_id, status in expected:
        reply = await reader(path, groups, tenant_id=tenant_id)
        assert reply.status_code == status, (groups, tenant_id)
        assert ("seven" in reply.text) is (status == 200)
    # The uploader outside of the groups sees the status of the document, and none of its content.
    assert (await client.get(path)).status_code == 404
    (quarantined,) = await ingest(("damaged.md", b"caf\xe9 and harbour"))
    assert (await client.get(f"/v1/documents/{quarantined['id']}/{part}")).status_code == 404
    (removed,) = await ingest(("other.md", HOSTILE))
    assert (await client.get(f"/v1/documents/{removed['id']}/{part}")).status_code == 200
    await client.delete(f"/v1/documents/{removed['id']}")
    assert (await client.get(f"/v1/documents/{removed['id']}/{part}")).status_code == 404


async def test_a_document_that_is_closed_is_closed_at_once(ingest, client) -> None:
    (document,) = await ingest(("rules.md", RULES))
    path = f"/v1/documents/{document['id']}"
    assert (await client.put(f"{path}/access", json={"access_groups": ["hr"]})).status_code == 200
    assert [(await client.get(f"{path}/{part}")).status_code for part in ("text", "original")] == [404, 404]


async def test_the_original_is_a_download_that_nothing_shows_or_runs(ingest, client, reader) -> None:
    (document,) = await ingest(("gate \u00fc; x=1.html", HOSTILE))
    path = f"/v1/documents/{document['id']}/original"
    reply = await client.get(path)
    assert reply.content == HOSTILE
    assert {name: reply.headers[name] for name in ("content-type", "x-content-type-options", "cache-control")} == {
        "content-type": "application/octet-stream",
        "x-content-type-options": "nosniff",
        "cache-control": "no-store",
    }
    assert reply.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert reply.headers["content-disposition"] == "attachment; filename*=UTF-8''gate%20%C3%BC%3B%20x%3D1.html"
    assert (await reader(path, role="user")).status_code == 403
    assert {role for role, held in PERMISSIONS.items() if "documents:original" in held} == {
        "reviewer",
        "operator",
        "admin",
    }
