"""An attachment is as closed as its message, whatever happens at the same moment."""

import asyncio
import os
import random
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from sqlalchemy import text as sql

from app.identity.domain import Principal
from app.ingestion.domain.access_groups import widens_access
from app.ingestion.domain.policy import DataPolicy
from app.ingestion.service import processing
from app.ingestion.service.attachments import store_attachments
from app.wiring import State
from tests.conftest import override
from tests.ingestion.conftest import OpenKey, Send
from tests.ingestion.test_attachments import FEES, HIDDEN, RULES, WAITING, Documents, documents, mail, message

__all__ = ["documents"]

ROUNDS = int(os.environ.get("ATTACHMENT_ROUNDS", "3"))
"""More of them look longer for a race or a deadlock."""
FEES_AT = "notice.eml#attachments/1-fees.txt"
DEADLOCKS = sql("select deadlocks from pg_stat_database where datname = current_database()")
GROUPS = (["board"], ["harbour"], ["board", "harbour"])
Work = Callable[[], Awaitable[None]]


@pytest.fixture
def groups(documents: Documents) -> Callable[[], Awaitable[dict[str, list[str]]]]:
    async def find() -> dict[str, list[str]]:
        return {uri: each["access_groups"] for uri, each in (await documents()).items()}

    return find


@pytest.fixture
def while_storing(state: State, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[asyncio.Task[httpx.Response]]]:
    """Sends a request while the attachments of a message are being stored, and stores them once it waits."""

    def prepare(request: Callable[[], Awaitable[httpx.Response]]) -> list[asyncio.Task[httpx.Response]]:
        sent: list[asyncio.Task[httpx.Response]] = []

        async def store(*arguments: Any) -> Any:
            if not sent:
                sent.append(asyncio.ensure_future(request()))
                async with state.database.transaction(None) as connection:
                    while not (await connection.execute(WAITING)).scalar_one() and not sent[0].done():
                        continue
            return await store_attachments(*arguments)

        monkeypatch.setattr(processing, "store_attachments", store)
        return sent

    return prepare


@pytest.mark.parametrize("of_source", [True, False])
async def test_a_message_that_is_closed_while_it_is_published_leaves_no_attachment_open(
    send: Send, work: Work, client: httpx.AsyncClient, groups: Any, while_storing: Any, of_source: bool
) -> None:
    (received,) = await send(("notice.eml", mail(("fees.txt", FEES), message(("ropes.txt", RULES)))))
    listed = {"source": "upload", "rules": [{"uri": "notice.eml", "access_groups": ["board"]}]}

    async def close() -> httpx.Response:
        if of_source:
            return await client.put("/v1/sources/access", json=listed)
        return await client.put(f"/v1/documents/{received['id']}/access", json={"access_groups": ["board"]})

    sent = while_storing(close)
    await work()
    assert [(await each).status_code for each in sent] == [200]
    found = await groups()
    assert len(found) == 4
    assert set(map(tuple, found.values())) == {("board",)}, found


async def test_a_message_within_that_is_published_while_the_outer_one_closes_leaves_no_attachment_open(
    send: Send, ingest: Send, work: Work, client: httpx.AsyncClient, groups: Any, while_storing: Any
) -> None:
    await ingest(("notice.eml", mail(message(("ropes.txt", RULES)))), access_groups="board,harbour")
    inner = message(("ropes.txt", RULES), ("fees.txt", FEES), text="The inner text is another one now.")
    name = "notice.eml#attachments/1-Notice of the harbour.eml"
    await send((name, bytes(inner)), uri=name)

    async def close() -> httpx.Response:
        data = {"access_groups": "board"}
        # In quarantine, so that no later publication closes what this one left open.
        files = {"files": ("notice.eml", mail(message(("ropes.txt", RULES)), text=HIDDEN))}
        return await client.post("/v1/documents", files=files, data=data)

    sent = while_storing(close)
    await asyncio.wait_for(work(), 60)
    assert [(await each).status_code for each in sent] == [202]
    found = await groups()
    assert set(map(tuple, found.values())) == {("board",)}, found


async def test_uploads_publications_deletions_and_changes_of_access_at_once_never_deadlock_or_open_anything(
    work: Work, open_key: OpenKey, state: State
) -> None:
    chance, client = random.Random(14), await open_key("board", "harbour", role="admin")

    async def documents() -> dict[str, dict[str, Any]]:
        items = (await client.get("/v1/documents", params={"limit": 200})).json()["items"]
        return {item["uri"]: item for item in items}

    async def deadlocks() -> int:
        async with state.database.transaction(None) as connection:
            await connection.execute(sql("select pg_stat_force_next_flush()"))
            return int((await connection.execute(DEADLOCKS)).scalar_one())

    async def upload(name: str, number: int) -> None:
        files = [("fees.txt", FEES + b" %d" % (number % 3)), ("ropes.txt", RULES), message(("a.txt", FEES))]
        chance.shuffle(files)
        content = mail(*files, text=f"Notice {number} of the harbour.")
        await client.post(
            "/v1/documents",
            files=[("files", (name, content)), ("files", ("b.txt", RULES))],
            data={"access_groups": ",".join(chance.choice(GROUPS))},
        )

    async def close(uri: str) -> None:
        if chance.random() < 0.5:
            rules = [{"uri": uri, "access_groups": chance.choice(GROUPS)}]
            await client.put("/v1/sources/access", json={"source": "upload", "rules": rules})
        elif each := (await documents()).get(uri):
            body = {"access_groups": chance.choice(GROUPS)}
            await client.put(f"/v1/documents/{each['id']}/access", json=body)

    async def delete(uri: str) -> None:
        if each := (await documents()).get(uri):
            await client.delete(f"/v1/documents/{each['id']}")

    before = await deadlocks()
    for number in range(ROUNDS):
        for name in ("one.eml", "two.eml"):
            await upload(name, number)
        others = [close("one.eml"), close("two.eml"), upload("one.eml", -number)]
        others += [delete("two.eml")] if number % 3 == 2 else []
        await asyncio.gather(work(), *others)
        await work()
        found = await documents()
        for uri, each in found.items():
            own = found[uri.partition("#attachments/")[0]]["access_groups"]
            assert not widens_access(each["access_groups"], own), (number, uri, each["access_groups"], own)
    assert await deadlocks() == before


async def test_a_copy_that_a_source_does_not_want_is_in_quarantine_with_its_reason(
    ingest: Send, client: httpx.AsyncClient, documents: Documents, state: State
) -> None:
    policy = DataPolicy.model_validate({"owner": "someone", "defaults": {"duplicates": {"exact": "quarantine"}}})
    override(state.ingestion.deps, data_policy=lambda: policy)
    (first,) = await ingest(("fees.txt", FEES))
    await ingest(("notice.eml", mail(("copy.txt", FEES), ("ropes.txt", RULES))))
    found = await documents()
    copy = found["notice.eml#attachments/1-copy.txt"]
    assert (copy["status"], copy["quarantine"]["reason"]) == ("quarantined", "exact_duplicate")
    entry = (await client.get(f"/v1/quarantine/{copy['quarantine']['id']}")).json()
    assert entry["duplicate_of"] == first["id"]
    assert found["notice.eml#attachments/2-ropes.txt"]["status"] == "published"


async def test_an_attachment_that_was_narrowed_stays_so_in_the_next_version_also_at_another_place(
    ingest: Send, client: httpx.AsyncClient, documents: Documents, groups: Any
) -> None:
    await ingest(("notice.eml", mail(("fees.txt", FEES), ("ropes.txt", RULES))), access_groups="board,harbour")
    fees = (await documents())[FEES_AT]
    reply = await client.put(f"/v1/documents/{fees['id']}/access", json={"access_groups": ["board"]})
    assert reply.status_code == 200, reply.text
    await ingest(("notice.eml", mail(("fees.txt", FEES + b" More."), ("ropes.txt", RULES), text="A second text.")))
    assert (await groups())[FEES_AT] == ["board"]
    moved = mail(("ropes.txt", RULES), ("fees.txt", FEES), text="A third text, with the files in another order.")
    await ingest(("notice.eml", moved))
    assert await groups() == {
        "notice.eml": ["board", "harbour"],
        "notice.eml#attachments/1-ropes.txt": ["board", "harbour"],
        "notice.eml#attachments/2-fees.txt": ["board"],
    }


async def test_readers_that_a_narrowed_attachment_excludes_lose_what_stood_at_its_new_place_at_once(
    ingest: Send, client: httpx.AsyncClient, documents: Documents, groups: Any, open_key: OpenKey
) -> None:
    """Also where its new version is never published."""
    harbour, place = await open_key("harbour"), "notice.eml#attachments/2-fees.txt"

    async def finds_crane() -> bool:
        return "crane" in (await harbour.post("/v1/search", json={"query": "crane of the north pier"})).text

    await ingest(("notice.eml", mail(("fees.txt", RULES), ("fees.txt", FEES))), access_groups="board,harbour")
    closed = (await documents())[FEES_AT]
    reply = await client.put(f"/v1/documents/{closed['id']}/access", json={"access_groups": ["board"]})
    assert reply.status_code == 200, reply.text
    assert await finds_crane()
    moved = mail(("ropes.txt", b"Another text, of the masts."), ("fees.txt", HIDDEN.encode()), text="A second text.")
    await ingest(("notice.eml", moved))
    assert (await documents())[place]["status"] == "quarantined"
    assert (await groups())[place] == ["board"]
    assert not await finds_crane()


async def test_the_row_of_a_narrowed_attachment_excludes_readers_beside_its_version(
    ingest: Send, client: httpx.AsyncClient, documents: Documents, open_key: OpenKey, state: State, principal: Principal
) -> None:
    """Its new version is in quarantine, and says here what the one before said."""
    harbour = await open_key("harbour")
    files = ("fees.txt", RULES), ("fees.txt", FEES)
    await ingest(("notice.eml", mail(*files)), access_groups="board,harbour")
    closed = (await documents())[FEES_AT]
    assert (await client.put(f"/v1/documents/{closed['id']}/access", json={"access_groups": ["board"]})).is_success
    moved = mail(("ropes.txt", b"Another text, of the masts."), ("fees.txt", HIDDEN.encode()), text="A second text.")
    await ingest(("notice.eml", moved))
    place = f"/v1/documents/{(await documents())['notice.eml#attachments/2-fees.txt']['id']}"
    opened = sql("update document_versions set access_groups = '{board,harbour}' where document_id = :id")
    async with state.database.transaction(principal.tenant_id) as connection:
        await connection.execute(opened, {"id": place.rpartition("/")[2]})
    assert [(await each.get(place)).status_code for each in (client, harbour)] == [200, 404]


async def test_an_attachment_follows_a_message_that_is_opened_by_its_next_version(
    work: Work, open_key: OpenKey
) -> None:
    board = await open_key("board")
    for readers, text in (("board", "For the board."), ("board,harbour", "Now for all at the harbour too.")):
        files = {"files": ("notice.eml", mail(("fees.txt", FEES), text=text))}
        assert (await board.post("/v1/documents", files=files, data={"access_groups": readers})).status_code == 202
        await work()
    items = (await board.get("/v1/documents")).json()["items"]
    assert {each["uri"]: each["access_groups"] for each in items}[FEES_AT] == ["board", "harbour"]
