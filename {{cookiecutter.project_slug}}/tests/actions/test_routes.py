"""Actions and tickets over HTTP."""

import httpx
import pytest
import pytest_asyncio

from app.main import create_app
from tests.actions.conftest import Opened, Shop


async def client_of(shop: Shop, role: str, name: str = "somebody") -> httpx.AsyncClient:
    key = await shop.state.identity.create_key(shop.tenant, name, [role])
    transport = httpx.ASGITransport(app=create_app(shop.state), raise_app_exceptions=False)
    headers = {"Authorization": f"Bearer {key.text}"}
    return httpx.AsyncClient(transport=transport, base_url="http://service", headers=headers)


@pytest_asyncio.fixture
async def shop(open_shop: Opened) -> Shop:
    found = await open_shop()
    found.actions = found.state.actions
    return found


async def test_tickets_are_opened_listed_and_shown_with_their_notes(shop: Shop) -> None:
    async with await client_of(shop, "user") as user:
        first, second = [
            (await user.post("/v1/tickets", json={"title": title, "text": "It drips."})).json()
            for title in ("The tap", "The roof")
        ]
        assert (first["id"], second["id"], second["status"], second["created_by"]) == ("T-1", "T-2", "open", "somebody")
        page = (await user.get("/v1/tickets", params={"limit": 1})).json()
        assert [each["id"] for each in page["items"]] == ["T-2"]
        rest = (await user.get("/v1/tickets", params={"limit": 1, "after": page["next"]})).json()
        assert [each["id"] for each in rest["items"]] == ["T-1"]
        await shop.run(await shop.approved(ticket="T-2", text="Tiles ordered."))
        [note] = (await user.get("/v1/tickets/2")).json()["notes"]
        assert (note["author"], note["text"]) == ("asker", "Tiles ordered.")
        assert (await user.get("/v1/tickets/3")).json()["code"] == "ticket_not_found"
        assert (await user.get("/v1/tickets/9999999999")).status_code == 422
        for wrong in ({"title": " ", "text": "x"}, {"title": "a\0", "text": "x"}, {"title": "a", "text": "x\0"}):
            assert (await user.post("/v1/tickets", json=wrong)).status_code == 422


async def test_the_catalogue_says_what_may_be_named(shop: Shop) -> None:
    async with await client_of(shop, "user") as user:
        found = {each["name"]: each for each in (await user.get("/v1/actions/catalogue")).json()["actions"]}
    assert {name: each["risk"] for name, each in found.items()} == {
        "look_up_ticket": "read",
        "add_ticket_note": "reversible",
        "close_ticket": "irreversible",
    }
    assert found["close_ticket"]["permission"] == "tickets:close"
    assert found["close_ticket"]["parameters"]["required"] == ["ticket", "resolution"]


@pytest.mark.quick
async def test_an_action_is_shown_until_its_end_to_those_who_may_see_it(shop: Shop) -> None:
    proposal = await shop.approved()
    async with await client_of(shop, "reviewer") as reviewer, await client_of(shop, "user", "other") as other:
        shown = (await reviewer.get(f"/v1/actions/{proposal.id}")).json()
        assert (shown["state"], shown["sha256"], shown["result"]) == ("approved", proposal.digest, None)
        await shop.run(proposal)
        done = (await reviewer.get(f"/v1/actions/{proposal.id}", params={"wait": 5})).json()
        assert (done["state"], done["result"]["noted"], done["due_at"]) == ("done", True, None)
        listed = (await reviewer.get("/v1/actions", params={"state": "done", "limit": 1})).json()
        assert [each["id"] for each in listed["items"]] == [str(proposal.id)]
        assert (await reviewer.get("/v1/actions", params={"after": listed["next"]})).json()["items"] == []
        assert (await reviewer.get("/v1/actions", params={"answer_id": str(proposal.id)})).json()["items"] == []
        assert (await other.get("/v1/actions")).json()["items"] == []
        missing = await other.get(f"/v1/actions/{proposal.id}")
        assert (missing.status_code, missing.json()["code"]) == (404, "action_not_found")
