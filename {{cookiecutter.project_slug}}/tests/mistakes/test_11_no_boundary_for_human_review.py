import asyncio

import httpx

from tests.actions.conftest import Shop, open_shop, shop
from tests.review.service.test_action_subject import decide, ended, queued

__all__ = ["open_shop", "shop"]

DAMAGED = "caf\xe9 at the harbour, open every day of the week".encode("latin-1")


async def test_a_doubtful_document_waits_for_a_person(ingest, search, work, client: httpx.AsyncClient) -> None:
    (held,) = await ingest(("menu.txt", DAMAGED))
    assert (held["status"], await search("harbour")) == ("quarantined", [])
    (entry,) = (await client.get("/v1/quarantine")).json()["items"]
    assert (await client.post(f"/v1/quarantine/{entry['id']}/release", json={"note": "read it"})).status_code == 202
    await work()
    assert len(await search("harbour")) == 1
    decided = (await client.get(f"/v1/quarantine/{entry['id']}")).json()
    assert (decided["decision"], decided["note"]) == ("released", "read it")
    assert decided["decided_by"]


async def test_two_people_cannot_both_decide(ingest, client: httpx.AsyncClient) -> None:
    await ingest(("menu.txt", DAMAGED))
    (entry,) = (await client.get("/v1/quarantine")).json()["items"]
    ways = ("release", "discard", "release", "discard")
    replies = await asyncio.gather(*(client.post(f"/v1/quarantine/{entry['id']}/{way}") for way in ways))
    assert sorted(reply.is_success for reply in replies) == [False, False, False, True]
    assert {reply.status_code for reply in replies if not reply.is_success} == {409}


async def test_what_a_model_would_do_for_good_waits_for_a_yes_and_then_is_done_once(shop: Shop) -> None:
    proposal, item = await queued(shop)
    assert (await ended(shop, proposal)).state == "waiting"
    assert await shop.effects() == (0, 0)
    await decide(shop, "ana", item, "approve")
    assert (await ended(shop, proposal)).state == "done"
    await shop.run(proposal)
    assert await shop.effects() == (1, 1)
