"""What a search shows of a document beside its text leaves as an answer does: without secrets."""

import secrets

import httpx

from app.wiring import State
from benchmarks.harness import work_off
from tests.conftest import adopt


async def test_no_secret_in_a_title_a_heading_or_a_text_is_shown(state: State, client: httpx.AsyncClient) -> None:
    await adopt(state)
    secret = f"ghp_{secrets.token_hex(18)}"
    text = f"# Harbour {secret}\n\nThe lamp of the harbour is lit at dusk, and {secret} opens its door.\n"
    (await client.post("/v1/documents", files={"files": ("lamp.md", text.encode())})).raise_for_status()
    await work_off(state)
    found = await client.post("/v1/search", json={"query": "When is the lamp of the harbour lit?"})
    [passage] = found.json()["passages"]
    assert "Harbour" in passage["title"]
    assert secret not in found.text
    document = await client.get(f"/v1/documents/{passage['document_id']}/text")
    assert "Harbour" in document.json()["headings"][0]["title"]
    assert secret not in document.text
