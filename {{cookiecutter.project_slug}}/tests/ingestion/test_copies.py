"""The same content at two addresses: two documents, each with its own address, access groups and end."""

from typing import Any

import httpx
import pytest

from tests.ingestion.conftest import Send
from tests.ingestion.test_policies import ingest as processed_by
from tests.ingestion.test_policies import ingestion_with

LAMPS = b"# The harbour lamps\n\nThe harbour lamps are lit at dusk by the keeper of the pier." + b"".join(
    b" Lamp %d burns for %d hours." % (number, number + 5) for number in range(20)
)
"""Long enough to have near duplicates."""
BUOYS = b"# The outer buoys\n\nThe outer buoys are painted green every second spring by divers."
QUERY = "harbour lamps dusk keeper"


@pytest.fixture
def found(client: httpx.AsyncClient) -> Any:
    """The addresses of the passages on the lamps, for a key of these groups or the test's own."""

    async def find(headers: dict[str, str] | None = None, query: str = QUERY) -> list[str]:
        reply = await client.post("/v1/search", json={"query": query}, headers=headers)
        assert reply.status_code == 200, reply.text
        return [each["uri"] for each in reply.json()["passages"] if "harbour lamps" in each["text"]]

    return find


async def delete(client: httpx.AsyncClient, document: dict[str, Any]) -> None:
    assert (await client.delete(f"/v1/documents/{document['id']}")).status_code == 204


@pytest.fixture
def two(ingest: Send) -> Any:
    async def upload(**form: Any) -> list[dict[str, Any]]:
        documents = [(await ingest((name, LAMPS), **form))[0] for name in ("a.md", "b.md")]
        assert len({each["id"] for each in documents}) == 2
        assert [(each["status"], each["uri"]) for each in documents] == [("published", "a.md"), ("published", "b.md")]
        return documents

    return upload


async def test_a_copy_names_the_first_document_and_a_search_shows_one_of_them(ingest, send, work, found) -> None:
    (first,) = await ingest(("a.md", LAMPS))
    (copy,) = await send(("b.md", LAMPS))
    assert (copy["status"], copy["duplicate_of"]) == ("received", first["id"])
    await work()
    assert len(await found()) == 1
    (again,) = await send(("b.md", LAMPS))
    assert (again["status"], again["version"], again["duplicate_of"]) == ("published", 1, copy["id"])


async def test_copies_crowd_out_no_other_document(ingest, client) -> None:
    await ingest(*((f"{number}.md", LAMPS) for number in range(3)), ("buoys.md", BUOYS))
    body = {"query": f"{QUERY} buoys", "limit": 2}
    passages = (await client.post("/v1/search", json=body)).json()["passages"]
    assert sorted(each["title"] for each in passages) == ["The harbour lamps", "The outer buoys"]


@pytest.mark.parametrize("gone", [0, 1])
async def test_when_one_is_deleted_the_other_is_found(two, client, found, gone: int) -> None:
    documents = await two()
    await delete(client, documents[gone])
    assert await found() == [documents[1 - gone]["uri"]]
    await delete(client, documents[1 - gone])
    assert await found() == []


@pytest.mark.parametrize("changed", [0, 1])
async def test_when_one_changes_the_other_is_found_and_it_may_come_back(two, ingest, found, changed: int) -> None:
    documents = await two()
    name, other = documents[changed]["uri"], documents[1 - changed]["uri"]
    await ingest((name, BUOYS))
    assert await found() == [other]
    (back,) = await ingest((name, LAMPS))
    assert (back["id"], back["status"], back["version"]) == (documents[changed]["id"], "published", 3)
    await ingest((other, BUOYS))
    assert await found() == [name]


async def test_an_upload_that_is_overtaken_by_the_content_before_it_does_not_win(ingest, send, work, found) -> None:
    """The last upload counts, also while the one before it is still processed or in quarantine."""
    (document,) = await ingest(("a.md", LAMPS))
    for number, other in enumerate((BUOYS, b"caf\xe9 buoys")):
        await send(("a.md", other))
        (back,) = await send(("a.md", LAMPS))
        assert (back["id"], back["version"]) == (document["id"], 3 + 2 * number)
        await work()
        assert await found() == ["a.md"]


async def test_copies_for_different_groups_are_shown_to_their_own(ingest, state, tenant, client, found) -> None:
    """Groups at the upload, groups that change, and the end of one of the two."""
    (hr,) = await ingest(("hr.md", LAMPS), access_groups="hr")
    (lab,) = await ingest(("lab.md", LAMPS), access_groups="lab")
    keys = {
        name: {"Authorization": f"Bearer {(await state.identity.create_key(tenant, name, ['operator'], [name])).text}"}
        for name in ("hr", "lab")
    }
    assert [await found(keys[name]) for name in keys] == [["hr.md"], ["lab.md"]]
    headers = keys["lab"]
    moved = await client.put(f"/v1/documents/{lab['id']}/access", json={"access_groups": ["hr"]}, headers=headers)
    assert moved.status_code == 200, moved.text
    assert len(await found(keys["hr"])) == 1
    assert await found(keys["lab"]) == []
    assert (await client.delete(f"/v1/documents/{hr['id']}", headers=keys["hr"])).status_code == 204
    assert await found(keys["hr"]) == ["lab.md"]


async def test_both_wait_in_quarantine_and_are_decided_on_their_own(ingest, client, work, found) -> None:
    damaged = b"# The harbour lamps\n\nThe harbour lamps of the caf\xe9 are lit at dusk by the keeper."
    documents = [(await ingest((name, damaged)))[0] for name in ("a.md", "b.md", "c.md")]
    assert [each["quarantine"]["reason"] for each in documents] == ["encoding_damage"] * 3
    for document, decision in zip(documents, ("release", "release", "discard"), strict=True):
        reply = await client.post(
            f"/v1/quarantine/{document['quarantine']['id']}/{decision}", json={"note": "was read"}
        )
        assert reply.is_success, reply.text
        await work()
    assert len(await found()) == 1
    await delete(client, documents[0])
    assert await found() == ["b.md"]
    await delete(client, documents[1])
    assert await found() == []


async def test_a_source_without_copies_takes_the_same_content_again_at_its_own_address(state, principal) -> None:
    ingestion = ingestion_with(state, duplicates={"exact": "quarantine"})
    first = await processed_by(ingestion, principal, "a.md", LAMPS)
    again = await processed_by(ingestion, principal, "a.md", LAMPS)
    copy = await processed_by(ingestion, principal, "b.md", LAMPS)
    assert (again.id, again.status, again.version) == (first.id, "published", 1)
    assert (copy.status, copy.reason, copy.duplicate_of) == ("quarantined", "exact_duplicate", first.id)
    await ingestion.delete(principal, first.id)
    await ingestion.release(principal, copy.quarantine_id, "the other one is gone")
    await ingestion.process(principal.tenant_id, copy.id, 1)
    assert (await ingestion.get(principal, copy.id)).status == "published"
