"""What a reviewer sees and does in a real browser, and what the asker then receives."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from app.core.clock import ManualClock
from app.core.embedded import Urls
from tests.actions.conftest import Shop
from tests.clock import leap
from tests.console.browser import Browser, Page, installed
from tests.console.conftest import PAGE, QUESTION, House

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(installed() is None, reason="no browser on the PATH: install chromium, or name one in CHROMIUM"),
]


async def sign_in(page: Page, house: House, name: str) -> None:
    await page.open(f"{house.base}/console/")
    await page.sees("Sign in")
    await page.type("key", await house.key(name))
    await page.press("Sign in")
    await page.sees("Sign out")


@asynccontextmanager
async def asked(house: House, chromium: Browser) -> AsyncIterator[tuple[Page, Callable[[], Awaitable[dict[str, Any]]]]]:
    """The page of ana, who has signed in where a question waits, and what its asker gets."""
    await house.publish(PAGE)
    asker = await house.client("asker", "user")
    async with asker, chromium.tab() as page:
        answer_id = await house.ask(asker)

        async def answer() -> dict[str, Any]:
            return dict((await asker.get(f"/v1/answers/{answer_id}")).json())

        await sign_in(page, house, "ana")
        yield page, answer


async def test_the_asker_gets_what_a_reviewer_wrote(house: House, chromium: Browser) -> None:
    async with asked(house, chromium) as (page, answer):
        await page.sees(QUESTION)
        await page.press(QUESTION)
        await page.sees("Harbour rules")
        await page.press("Claim")
        await page.press("Edit")
        await page.type("text", "At seven on weekdays [1].")
        await page.wait("document.querySelector('.diff ins') && document.querySelector('.diff del')")
        await page.type("reason", "shorter")
        await page.key("Enter", control=True)
        await page.sees("Edited and approved.")
        delivered = await answer()
        assert (delivered["status"], delivered["text"]) == ("answered", "At seven on weekdays [1].")
        assert page.log == []
        assert {address.partition("/v1")[0].partition("/console")[0] for address in page.requests} <= {house.base}


async def test_a_keyboard_is_enough_and_everything_has_a_name(house: House, chromium: Browser) -> None:
    async with asked(house, chromium) as (page, answer):
        await page.sees(QUESTION)
        await page.key("j")
        await page.sees("Harbour rules")
        await page.wait("document.activeElement.id === 'question'")
        await page.key("c")
        await page.sees("yours for")
        await page.key("a")
        await page.wait("document.activeElement.id === 'reason'")
        await page.strike("read")
        assert await page.run("document.querySelector('form.decision h2').innerText") == "Approve"
        assert await page.nameless() == []
        await page.key("Enter", control=True)
        await page.sees("Approved.")
        await page.wait("document.activeElement.innerText.startsWith('Next item')")
        assert (await answer())["status"] == "answered"
        assert [line["reason"] for line in await decisions(house)] == ["read"]


REASON = "document.getElementById('reason')"
FORM = "document.querySelector('form.decision')"


async def decisions(house: House) -> list[dict[str, str]]:
    async with await house.client("chief", "reviewer") as chief:
        items = (await chief.get("/v1/reviews", params={"state": "decided"})).json()["items"]
        return [each for item in items for each in (await chief.get(f"/v1/reviews/{item['id']}")).json()["decisions"]]


@pytest.mark.parametrize("repeats", [0, 6])
async def test_a_shortcut_types_nothing_into_the_field_that_it_opens(
    house: House, chromium: Browser, repeats: int
) -> None:
    async with asked(house, chromium) as (page, _):
        await page.sees(QUESTION)
        await page.key("n")
        await page.sees("yours for")
        for letter, field in (("a", "reason"), ("e", "text"), ("r", "reason"), ("q", "reason"), ("x", "reason")):
            await page.key(letter, repeats=repeats)
            await page.wait(f"document.activeElement.id === '{field}'")
            assert await page.run(f"{REASON}.value") == ""
            assert letter != "e" or await page.run("document.getElementById('text').value.includes('Zadar')")
            await page.key("Escape")
            await page.wait(f"!{FORM}")
        assert page.log == []


async def test_one_letter_is_not_a_reason(house: House, chromium: Browser) -> None:
    async with asked(house, chromium) as (page, answer):
        await page.sees(QUESTION)
        for letter in ("n", "a"):
            await page.key(letter)
            await page.sees("yours for")
        await page.wait("document.activeElement.id === 'reason'")
        for typed in ("a", "aa"):
            await page.strike(typed)
            await page.key("Enter", control=True)
            await page.sees("Write the reason in words")
        assert [address for address in page.requests if address.endswith("/decide")] == []
        assert (await answer())["status"] == "held"
        await page.strike(" word of harbour")
        await page.key("Enter", control=True)
        await page.sees("Approved.")
        assert [line["reason"] for line in await decisions(house)] == ["aaa word of harbour"]


async def test_no_shortcut_reacts_while_somebody_types_or_holds_another_key(house: House, chromium: Browser) -> None:
    async with asked(house, chromium) as (page, _):
        await page.sees(QUESTION)
        made = "(e => (e.id = 'made', e.contentEditable = 'true', document.body.prepend(e), true))"
        await page.run(f"{made}(document.createElement('div'))")
        fields = ("[name=rule]", "[name=state]", "[name=free]", "#made")
        for field in fields:
            await page.run(f"document.querySelector('{field}').focus()")
            await page.wait(f"document.activeElement.matches('{field}')")
            await page.strike("jnc")
        assert await page.run("document.querySelector('[name=rule]').value") == "jnc"
        assert await page.run("document.getElementById('made').innerText") == "jnc"
        await page.run("document.querySelector('[name=rule]').focus()")
        for _ in range(3):
            await page.key("Backspace")
        await page.run("document.activeElement.blur()")
        for letter in "jnc":
            await page.key(letter, control=True)
            await page.key(letter, alt=True)
        await page.key("?")
        await page.wait("document.querySelector('dialog[open]')")
        await page.strike("jnc")
        await page.run("document.activeElement.blur()")
        await page.strike("jnc")
        assert await page.run("location.hash") == ""
        assert [address for address in page.requests if address.endswith("/claim")] == []
        await page.key("Escape")
        await page.wait("!document.querySelector('dialog[open]')")
        await page.sees(QUESTION)  # the queue without the rule that was typed
        await page.key("j")
        await page.sees("Harbour rules")


HOSTILE = (
    "The harbour master of Zadar <script>window.ran = 1</script> opens the gate "
    "<img src=x onerror='window.ran = 1'> at seven <a href='https://evil.example/'>every morning</a>."
)


async def test_markup_in_an_answer_is_shown_and_never_run(house: House, chromium: Browser) -> None:
    await house.publish(HOSTILE, "<img src=x onerror='window.ran = 1'>", "javascript:window.ran=1")
    asker = await house.client("<svg onload='window.ran = 1'>", "user")
    async with asker, chromium.tab() as page:
        await house.ask(asker)
        await sign_in(page, house, "ana")
        await page.press(QUESTION)
        await page.sees("<script>window.ran = 1</script>")
        await page.sees("<svg onload='window.ran = 1'>")
        await page.press("Claim")
        await page.press("Edit")
        await page.type("text", HOSTILE.replace("seven", "eight"))
        await page.wait("document.querySelector('.diff ins').innerText === 'eight'")
        made = "main :is(script, img, svg, iframe, object, a[href]:not([href^='#'], [href^='document?']))"
        assert await page.run(f'document.querySelectorAll("{made}").length') == 0
        assert await page.run("window.ran") is None
        assert page.log == []
        assert [address for address in page.requests if "evil" in address or address.endswith("/x")] == []


async def test_the_browser_refuses_to_parse_text_as_markup(house: House, chromium: Browser) -> None:
    async with chromium.tab() as page:
        await page.open(f"{house.base}/console/")
        await page.sees("Sign in")
        tried = "(() => { try { document.body.innerHTML = '<b>x</b>'; return 'done' } catch (e) { return e.name } })()"
        assert await page.run(tried) == "TypeError"
        assert await page.run("fetch('http://127.0.0.1:1/').then(() => 'sent', () => 'refused')") == "refused"
        assert any("Content Security Policy" in entry for entry in page.log)


async def test_a_second_reviewer_sees_who_claimed_the_item_and_what_to_do(house: House, chromium: Browser) -> None:
    async with asked(house, chromium) as (ana, _), chromium.tab() as bo:
        await ana.press("Next item")
        await ana.sees("yours for")
        await sign_in(bo, house, "bo")
        await bo.sees("claimed by ana")
        await bo.press(QUESTION)
        await bo.press("Claim")
        await bo.sees("Another reviewer has claimed the item")
        await bo.sees("Continue with the next item")
        await ana.press("Release")
        await ana.sees("Released.")
        await bo.press("Claim")
        await bo.sees("yours for")


async def test_a_key_without_the_permission_is_told_so(house: House, chromium: Browser) -> None:
    async with chromium.tab() as page:
        await page.open(f"{house.base}/console/")
        await page.type("key", "sk_000000000000_" + "a" * 32)
        await page.press("Sign in")
        await page.sees("The API key is not valid")
        await page.type("key", await house.key("asker", "user"))
        await page.press("Sign in")
        await page.sees("This page needs the permission reviews:read.")


async def test_a_reviewer_whose_key_is_revoked_can_sign_in_with_another(house: House, chromium: Browser) -> None:
    async with asked(house, chromium) as (page, _):
        [key] = [row for row in await house.state.identity.list_keys(house.tenant) if row.name == "ana"]
        await house.state.identity.revoke_key(house.tenant, key.prefix)
        await leap(1)
        # The page asks by itself too, and may have noticed before the button is pressed.
        find = "[...document.querySelectorAll('button')].find(e => e.offsetParent && /Next item/.test(e.innerText))"
        await page.wait(f"document.body.innerText.includes('The API key is not valid.') || ({find}?.click(), false)")
        assert QUESTION not in await page.text()
        await page.type("key", await house.key("ana"))
        await page.press("Sign in")
        await page.press("Next item")
        await page.sees("yours for")


async def test_a_key_is_forgotten_with_its_tab(house: House, chromium: Browser) -> None:
    async with chromium.tab() as page:
        await sign_in(page, house, "ana")
        assert await page.run("Object.keys(localStorage).length + document.cookie.length") == 0
        await page.press("Sign out")
        await page.sees("API key")
        assert await page.run("sessionStorage.length") == 0


@pytest.mark.parametrize("lease_seconds", [10])
async def test_a_claim_is_renewed_while_the_page_is_used_and_its_loss_explained(
    house: House, chromium: Browser
) -> None:
    async with asked(house, chromium) as (page, _):
        await page.press("Next item")
        await page.press("Edit")
        for _ in range(12):
            await page.touch()
            await asyncio.sleep(1)
        await page.sees("yours for")
        await page.type("text", "At seven [1].")
        await page.sees("You no longer hold this item.")
        await page.sees("What you typed is kept.")
        await page.press("Claim it again")
        await page.wait("document.getElementById('text').value === 'At seven [1].'")


async def test_a_decision_that_comes_too_late_is_explained(house: House, chromium: Browser) -> None:
    async with await house.client("bo", "reviewer") as bo, asked(house, chromium) as (page, _):
        await page.press("Next item")
        await page.sees("yours for")
        await page.key("r")
        await page.type("reason", "wrong time")
        await house.end_lease()
        [item] = (await bo.get("/v1/reviews")).json()["items"]
        assert (await bo.post(f"/v1/reviews/{item['id']}/claim")).status_code == 200
        await page.key("Enter", control=True)
        await page.sees("Your lease on the item has ended")
        await page.sees("What you typed is kept. Claim the item again")
        await page.press("Claim it again")
        await page.sees("Another reviewer has claimed the item")


async def test_a_decision_whose_reply_was_lost_is_sent_again_and_counts_once(house: House, chromium: Browser) -> None:
    async with await house.client("bo", "reviewer") as bo, asked(house, chromium) as (page, _):
        await page.press("Next item")
        await page.press("Reject")
        await page.type("reason", "wrong time")
        await page.lose_reply("*/decide")
        await page.key("Enter", control=True)
        await page.sees("The service cannot be reached")
        await page.key("Enter", control=True)
        await page.sees("Rejected.")
        [item] = (await bo.get("/v1/reviews", params={"state": "decided"})).json()["items"]
        [past] = (await bo.get(f"/v1/reviews/{item['id']}")).json()["decisions"]
        assert (past["reviewer"], past["decision"], past["reason"]) == ("ana", "reject", "wrong time")


async def test_an_action_is_shown_as_it_would_run_and_runs_as_it_was_corrected(
    house: House, chromium: Browser, database_urls: Urls
) -> None:
    state, key = house.state, await house.state.identity.create_key(house.tenant, "asker", ["operator"])
    caller = await state.identity.authenticate(key.text)
    shop = Shop(state, database_urls, house.tenant, caller, key.prefix, ManualClock(state.clock.now()), state.actions)
    proposal = await shop.waiting("close_ticket")
    await shop.work()
    async with chromium.tab() as page:
        await sign_in(page, house, "ana")
        await page.press("Next item")
        await page.sees("It cannot be undone.")
        await page.sees("Flange tightened.")
        await page.run("document.querySelectorAll('details').forEach(e => e.open = true)")
        await page.sees(proposal.payload.decode())
        await page.sees("Your browser computed its SHA-256 again")
        await page.press("Edit")
        await page.type("text", "{")
        await page.type("reason", "say what was done")
        await page.key("Enter", control=True)
        await page.sees("This is not JSON")
        await page.type("text", json.dumps({**proposal.arguments, "resolution": "Flange replaced."}))
        await page.key("Enter", control=True)
        await page.sees("Edited and approved.")
        await shop.work()
        await page.sees("It has been done.")
        assert page.log == []
    done = await shop.shown(proposal)
    assert (done.state, done.arguments["resolution"], done.approved_by) == ("done", "Flange replaced.", "ana")
