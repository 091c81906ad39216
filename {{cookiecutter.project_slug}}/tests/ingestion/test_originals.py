"""Original files hold what is masked or left out of the text: each download of one is in the audit log."""

import httpx
import pytest

from tests.ingestion.conftest import OpenKey, Send


@pytest.mark.parametrize(
    ("data", "what", "action"),
    [
        (b"The lamp at the harbour is lit at dusk.", "documents", "document.original"),
        (b"The lamp at the caf\xe9 is lit at dusk.", "quarantine", "quarantine.original"),
    ],
)
async def test_the_audit_log_says_who_read_an_original_file(
    ingest: Send, client: httpx.AsyncClient, open_key: OpenKey, data: bytes, what: str, action: str
) -> None:
    (document,) = await ingest(("lamp.txt", data))
    path, subject = f"/v1/documents/{document['id']}", f"document {document['id']}"
    if what == "quarantine":
        entry = document["quarantine"]["id"]
        path, subject = f"/v1/quarantine/{entry}", f"quarantine entry {entry}"

    async def reads() -> list[tuple[str, str]]:
        lines = (await client.get("/v1/audit")).json()["items"]
        return [(each["action"], each["actor"]) for each in lines if each["subject"] == subject]

    assert (await client.get(f"{path}/original")).content == data
    assert await reads() == [(action, "test")]
    assert (await (await open_key(role="user")).get(f"{path}/original")).status_code in (403, 404)
    assert await reads() == [(action, "test")]
