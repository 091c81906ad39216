"""The life of a document: upload, processing, publication, new versions, deletion."""

from uuid import uuid4

import httpx
import pytest

from app.wiring import State
from tests.samples import total

REFUNDS = b"# Refunds\n\nRefunds are paid within 14 days to the card that was used.\n"
CHANGED = b"# Refunds\n\nRefunds are paid within 30 days by bank transfer.\n"


@pytest.mark.quick
async def test_an_upload_is_published_with_its_headings_and_offsets(ingest, client) -> None:
    (document,) = await ingest(("refunds.md", REFUNDS), source="shop", metadata='{"author": "Ada"}')
    assert document["status"] == "published"
    assert (document["version"], document["live_version"]) == (1, 1)
    assert (document["title"], document["source"], document["kind"]) == ("Refunds", "shop", "markdown")
    assert document["metadata"] == {"author": "Ada"}
    reply = (await client.post("/v1/search", json={"query": "when are refunds paid"})).json()
    (passage,) = next(value for value in reply.values() if isinstance(value, list))
    assert passage["headings"] == ["Refunds"]
    assert REFUNDS.decode()[passage["start"] : passage["end"]] == passage["text"]


async def test_a_bad_file_does_not_affect_the_others_of_its_batch(send) -> None:
    before = {each: total("app_uploads_total", result=each) for each in ("received", "refused")}
    good, evil, again = await send(("a.md", REFUNDS), ("..%2Fevil.md", REFUNDS), ("a.md", CHANGED))
    assert good["status"] == "received"
    assert good["id"]
    assert (evil["status"], evil["id"], evil["problem"]["code"]) == ("refused", None, "unsafe_name")
    assert again["problem"]["code"] == "repeated_name"
    counted = {each: total("app_uploads_total", result=each) - then for each, then in before.items()}
    assert counted == {"received": 1, "refused": 2}


async def test_a_single_refused_file_is_a_problem_of_its_own(client: httpx.AsyncClient) -> None:
    reply = await client.post("/v1/documents", files={"files": ("a/../../b.md", REFUNDS)})
    assert reply.status_code in (202, 422)
    reply = await client.post("/v1/documents", files={"files": ("..%2F..%2Fetc%2Fpasswd.txt", b"x\n")})
    assert (reply.status_code, reply.json()["code"]) == (422, "unsafe_name")


async def test_a_file_over_the_limit_is_413(client: httpx.AsyncClient) -> None:
    reply = await client.post("/v1/documents", files={"files": ("big.txt", b"word " * 5_000_000)})
    assert (reply.status_code, reply.json()["code"]) == (413, "file_too_large")


async def test_fifty_megabytes_of_text_are_413_and_a_long_line_is_published(client, ingest) -> None:
    reply = await client.post("/v1/documents", files={"files": ("huge.txt", b"hello " * 9_000_000)})
    assert reply.status_code == 413
    line = " ".join(f"word{number % 977}" for number in range(60_000))
    (document,) = await ingest(("line.txt", line.encode()))
    assert document["status"] == "published"


async def test_a_request_without_a_form_is_rejected(client: httpx.AsyncClient) -> None:
    assert (await client.post("/v1/documents", json={"a": 1})).status_code == 400
    assert (await client.post("/v1/documents", data={"source": "x"}, files={})).status_code == 400
    bad = await client.post("/v1/documents", files={"files": ("a.md", b"x")}, data={"metadata": "[1]"})
    assert (bad.status_code, bad.json()["code"]) == (422, "bad_upload")


async def test_a_field_that_has_one_value_is_refused_where_it_has_several(client: httpx.AsyncClient) -> None:
    for name, values in (("metadata", ["{}", "{}"]), ("source", ["wiki", "shop"]), ("uri", ["a", "b"])):
        reply = await client.post("/v1/documents", files={"files": ("a.md", b"A lamp.")}, data={name: values})
        assert (reply.status_code, reply.json()["code"]) == (422, "bad_upload")
        assert f"'{name}' stands in the form 2 times" in reply.json()["detail"]


async def test_the_same_content_for_other_readers_is_another_document(ingest, send) -> None:
    (first,) = await ingest(("a.md", REFUNDS))
    (second,) = await send(("b.md", REFUNDS), access_groups="staff")
    assert second["id"] != first["id"]
    assert second["duplicate_of"] is None


async def test_a_new_version_replaces_the_old_one(ingest, search) -> None:
    (first,) = await ingest(("a.md", REFUNDS))
    (second,) = await ingest(("a.md", CHANGED))
    assert second["id"] == first["id"]
    assert (second["version"], second["live_version"]) == (2, 2)
    (passage,) = await search("refunds paid")
    assert "bank transfer" in passage


async def test_the_old_version_stays_published_until_the_new_one_is(ingest, send, search, client) -> None:
    await ingest(("a.md", REFUNDS))
    (item,) = await send(("a.md", CHANGED))
    assert "14 days" in (await search("refunds paid"))[0]
    document = (await client.get(f"/v1/documents/{item['id']}")).json()
    assert (document["status"], document["version"], document["live_version"]) == ("received", 2, 1)


async def test_the_old_version_stays_published_when_the_new_one_is_quarantined(ingest, search) -> None:
    before = {each: total("app_documents_total", status=each) for each in ("published", "quarantined")}
    await ingest(("a.md", REFUNDS))
    (document,) = await ingest(("a.md", b"caf\xe9 refunds"))
    assert (document["status"], document["live_version"]) == ("quarantined", 1)
    for each, then in before.items():
        assert total("app_documents_total", status=each) > then, each
    assert document["quarantine"]["reason"] == "encoding_damage"
    assert "14 days" in (await search("refunds paid"))[0]


async def test_a_deleted_document_is_removed_at_once(ingest, search, client, state: State, tenant) -> None:
    (document,) = await ingest(("a.md", REFUNDS))
    assert (await client.delete(f"/v1/documents/{document['id']}")).status_code == 204
    assert await search("refunds paid") == []
    assert (await client.get(f"/v1/documents/{document['id']}")).status_code == 404
    assert (await client.delete(f"/v1/documents/{document['id']}")).status_code == 404
    async with state.database.read(tenant) as connection:
        from sqlalchemy import text

        assert (await connection.execute(text("select count(*) from blobs"))).scalar() == 0


async def test_a_document_deleted_before_its_job_runs_stays_deleted(send, work, search, client) -> None:
    (item,) = await send(("a.md", REFUNDS))
    await client.delete(f"/v1/documents/{item['id']}")
    await work()
    assert await search("refunds paid") == []


async def test_a_deleted_document_can_be_uploaded_again(ingest, client, search) -> None:
    (document,) = await ingest(("a.md", REFUNDS))
    await client.delete(f"/v1/documents/{document['id']}")
    (again,) = await ingest(("a.md", REFUNDS))
    assert again["id"] != document["id"]
    assert len(await search("refunds paid")) == 1


async def test_pages_contain_each_document_once(ingest, client) -> None:
    sent = await ingest(*[(f"{n}.md", f"Document number {n} about lamps.".encode()) for n in range(5)])
    ids, after = [], None
    while True:
        params = {"limit": 2} | ({"after": after} if after else {})
        page = (await client.get("/v1/documents", params=params)).json()
        ids += [item["id"] for item in page["items"]]
        after = page["next"]
        if not after:
            break
    assert sorted(ids) == sorted(item["id"] for item in sent)
    assert (await client.get("/v1/documents", params={"after": "nonsense"})).status_code == 400


async def test_documents_are_listed_by_status_and_source(ingest, client) -> None:
    await ingest(("a.md", REFUNDS), source="shop")
    await ingest(("b.md", b""), source="other")
    for params, names in (({"status": "quarantined"}, ["b.md"]), ({"source": "shop"}, ["a.md"])):
        page = (await client.get("/v1/documents", params=params)).json()
        assert [item["name"] for item in page["items"]] == names


async def test_a_reader_sees_published_documents_of_its_access_groups(ingest, state, tenant, client) -> None:
    (staff,) = await ingest(("staff.md", b"Only the staff may read about the lamps."), access_groups="staff")
    (public,) = await ingest(("public.md", b"Everybody may read about the desks."))
    await ingest(("quarantined.md", b""))
    for groups, expected in (([], {public["id"]}), (["staff", "x"], {public["id"], staff["id"]})):
        key = await state.identity.create_key(tenant, "reader", ["user"], groups)
        headers = {"Authorization": f"Bearer {key.text}"}
        page = (await client.get("/v1/documents", headers=headers)).json()
        assert {item["id"] for item in page["items"]} == expected
    assert (await client.get(f"/v1/documents/{staff['id']}", headers=headers)).status_code == 200
    lonely = await state.identity.create_key(tenant, "reader", ["user"])
    headers = {"Authorization": f"Bearer {lonely.text}"}
    assert (await client.get(f"/v1/documents/{staff['id']}", headers=headers)).status_code == 404
    assert (await client.delete(f"/v1/documents/{public['id']}", headers=headers)).status_code == 403


async def test_the_ids_of_documents_are_not_found_by_another_tenant(ingest, client, state: State) -> None:
    (document,) = await ingest(("a.md", REFUNDS))
    (quarantined,) = await ingest(("b.md", b""))
    other = await state.identity.ensure_tenant(f"other-{uuid4().hex}")
    key = await state.identity.create_key(other, "other", ["admin"])
    headers = {"Authorization": f"Bearer {key.text}"}
    entry = quarantined["quarantine"]["id"]
    for method, path in (
        ("GET", f"/v1/documents/{document['id']}"),
        ("DELETE", f"/v1/documents/{document['id']}"),
        ("GET", f"/v1/quarantine/{entry}"),
        ("GET", f"/v1/quarantine/{entry}/original"),
        ("POST", f"/v1/quarantine/{entry}/release"),
        ("POST", f"/v1/quarantine/{entry}/discard"),
    ):
        assert (await client.request(method, path, headers=headers)).status_code == 404, path
    assert (await client.get("/v1/documents", headers=headers)).json()["items"] == []
    assert (await client.get("/v1/quarantine", headers=headers)).json()["items"] == []
