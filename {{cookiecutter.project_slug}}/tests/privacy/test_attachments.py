"""A person who is named in an attachment is named in the file of its message too."""

import io
import json
from typing import Any
from uuid import UUID

import docx
import httpx
import psycopg
import pytest

from app.adapters.parsers.pool import ParserPool
from app.core.embedded import Urls
from app.identity.domain import ALL_ROLES, COMMAND_LINE, Principal
from app.ingestion.domain.documents import Upload, UploadOptions
from app.privacy.domain.requests import Selection
from app.privacy.service import Privacy
from app.wiring import State
from benchmarks.harness import work_off
from tests.mails import message

ZOE = Selection("subject", "Zoe Quistgard")
WHY = "request 18 of the person"
FEES = "notice.eml#attachments/1-fees.txt"
INNER = "notice.eml#attachments/2-Inner.eml"
DEEP = f"{INNER}#attachments/1-ropes.txt"


async def send(client: httpx.AsyncClient, state: State, named_in: str) -> None:
    """named_in: the address of the only document that names the person."""
    uris = ("notice.eml", FEES, INNER, DEEP)
    notice, fees, within, ropes = (
        f"The {thing} of the harbour {'belongs to Zoe Quistgard' if uri == named_in else 'is known to all'}."
        for uri, thing in zip(uris, ("lamp", "crane", "desk", "rope"), strict=True)
    )
    inner = message("Inner", within, ("ropes.txt", ropes.encode()))
    files = [("files", ("notice.eml", bytes(message("Outer", notice, ("fees.txt", fees.encode()), inner))))]
    files += [("files", ("other.txt", b"The oak desk of the keeper stands at the wall."))]
    assert (await client.post("/v1/documents", files=files)).status_code == 202
    await work_off(state)


async def listed(client: httpx.AsyncClient) -> set[str]:
    return {each["uri"] for each in (await client.get("/v1/documents")).json()["items"]}


@pytest.mark.parametrize("named_in", ["notice.eml", DEEP])
async def test_an_erasure_follows_a_person_to_the_message_and_to_everything_that_came_with_it(
    client: httpx.AsyncClient, privacy: Privacy, state: State, tenant: UUID, database_urls: Urls, named_in: str
) -> None:
    await send(client, state, named_in)
    assert await listed(client) == {"notice.eml", FEES, INNER, DEEP, "other.txt"}
    asked = await client.post("/v1/answers", json={"question": "What is the crane of the harbour?"})
    answer = asked.json()["id"]
    request = await privacy.erasure.erase(tenant, ZOE, "officer", WHY)
    assert request.state == "done"
    assert len(request.targets["documents"]) == 4
    assert await listed(client) == {"other.txt"}
    if "crane" in asked.text.replace("What is the crane", ""):
        assert (await client.get(f"/v1/answers/{answer}")).status_code == 404
    with psycopg.connect(database_urls.owner) as connection:
        kept = connection.execute("select uri from documents where tenant_id = %s", [tenant]).fetchall()
        files = connection.execute("select count(*) from blobs where tenant_id = %s", [tenant]).fetchone()
    assert sorted(uri.partition(":")[0] for (uri,) in kept) == ["erased"] * 4 + ["other.txt"]
    assert files == (1,)


async def test_an_export_holds_the_message_and_everything_that_came_with_it(
    client: httpx.AsyncClient, privacy: Privacy, state: State, tenant: UUID
) -> None:
    await send(client, state, DEEP)
    rows = [json.loads(line) async for line in privacy.export.export(tenant, ZOE, "officer", "a request to see it")]
    assert {row["uri"] for row in rows if row.get("store") == "documents"} == {"notice.eml", FEES, INNER, DEEP}
    assert len([row for row in rows if row.get("store") == "files"]) == 4


async def test_an_attachment_that_is_erased_by_its_id_goes_with_its_message(
    client: httpx.AsyncClient, privacy: Privacy, state: State, tenant: UUID
) -> None:
    await send(client, state, FEES)
    items = (await client.get("/v1/documents")).json()["items"]
    fees = next(each["id"] for each in items if each["uri"] == FEES)
    await privacy.erasure.erase(tenant, Selection("document", fees), "officer", WHY)
    assert await listed(client) == {"other.txt"}


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16-le", "utf-16-be"])
async def test_a_person_is_found_in_a_newer_version_of_which_nothing_was_parsed(
    client: httpx.AsyncClient, privacy: Privacy, state: State, tenant: UUID, encoding: str
) -> None:
    later = "# Cafe\n\nThe caf\xe9 is Zo\xeb Quistgard's.\n".encode(encoding)
    for text in (b"# Cafe\n\nThe cafe of the harbour is open.\n", later):
        await client.post("/v1/documents", files={"files": ("cafe.md", text)})
        await work_off(state)
    assert len((await client.get("/v1/quarantine")).json()["items"]) == 1
    request = await privacy.erasure.erase(tenant, Selection("subject", "Zo\xeb Quistgard"), "officer", WHY)
    assert (request.state, len(request.targets["documents"])) == ("done", 1)


@pytest.mark.parametrize("waits", ["for a worker", "in quarantine"])
async def test_a_person_is_found_in_a_file_that_must_be_parsed_to_be_read(
    waits: str, client: httpx.AsyncClient, privacy: Privacy, state: State, tenant: UUID
) -> None:
    """A word processor compresses what it writes; the file is published after the erasure otherwise."""
    written, file = docx.Document(), io.BytesIO()
    written.add_paragraph("The cafe of the harbour is Zoe Quistgard's." if waits == "for a worker" else "Lamps.")
    written.core_properties.author = "Zoe Quistgard"
    written.save(file)
    reply = await client.post("/v1/documents", files={"files": ("cafe.docx", file.getvalue())})
    if waits == "in quarantine":
        await work_off(state)
        assert len((await client.get("/v1/quarantine")).json()["items"]) == 1
    request = await privacy.erasure.erase(tenant, ZOE, "officer", WHY)
    assert request.targets["documents"] == [reply.json()["items"][0]["id"]]
    await work_off(state)
    assert await listed(client) == set()


@pytest.mark.parametrize("before", ["a.txt", "z.txt"])
async def test_a_person_is_found_in_a_file_that_was_renamed_so_that_it_can_be_read(
    before: str, privacy: Privacy, state: State, tenant: UUID
) -> None:
    written, file = docx.Document(), io.BytesIO()
    written.add_paragraph("The cafe of the harbour is Zoe Quistgard's.")
    written.save(file)
    caller = Principal(tenant, COMMAND_LINE, "officer", ALL_ROLES)
    for name in (before, "cafe.docx"):
        await state.ingestion.upload(caller, UploadOptions(), [Upload(name, file.getvalue(), "cafe")])
        if name == before:
            await work_off(state)
    request = await privacy.erasure.erase(tenant, ZOE, "officer", WHY)
    assert len(request.targets["documents"]) == 1


async def test_a_file_is_parsed_once_by_the_searches_of_an_erasure(
    client: httpx.AsyncClient, privacy: Privacy, monkeypatch: pytest.MonkeyPatch, tenant: UUID
) -> None:
    """One that is made to take all the time that its parser has would delay it several times otherwise."""
    parse, parsed = ParserPool.parse, []

    async def counted(self: ParserPool, data: bytes, name: str, **more: Any) -> Any:
        parsed.append(name)
        return await parse(self, data, name, **more)

    monkeypatch.setattr(ParserPool, "parse", counted)
    files = [("files", ("deep.html", b"<div>" * 50)), ("files", ("cafe.md", b"# Cafe\n\nIt is Zoe Quistgard's.\n"))]
    assert (await client.post("/v1/documents", files=files)).status_code == 202
    assert (await privacy.erasure.erase(tenant, ZOE, "officer", WHY)).state == "done"
    assert parsed == ["deep.html"]
