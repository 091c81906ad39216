"""A citation opens in its document, with its place in view; what is in quarantine is decided in the browser."""

import httpx
import pytest

from app.core.jobs import Worker
from tests.console.browser import Browser, installed
from tests.console.conftest import PAGE, QUESTION, House
from tests.console.test_browser import sign_in

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(installed() is None, reason="no browser on the PATH: install chromium, or name one in CHROMIUM"),
]

RULE = "## Rule {0}\n\nBoat number {0} \U0001f6a2 is moored at pier {0}.\n\n"
FILLER = "".join(RULE.format(number) for number in range(90))
MARK = "document.getElementById('mark')"


async def upload(house: House, operator: httpx.AsyncClient, name: str, data: bytes) -> None:
    reply = await operator.post("/v1/documents", files={"files": (name, data)})
    assert reply.status_code == 202, reply.text
    await Worker(house.state.database, house.state.jobs, concurrency=1).run(wait=False)


async def test_a_citation_of_a_review_opens_in_its_document(house: House, chromium: Browser) -> None:
    asker, operator = await house.client("asker", "user"), await house.client("olga", "operator")
    async with asker, operator, chromium.tab() as page:
        text = f"# Harbour rules\n\n{FILLER}## Gate\n\n{PAGE} <b>Not bold.</b>\n\n{FILLER}"
        await upload(house, operator, "harbour.md", text.encode())
        await house.ask(asker)
        await sign_in(page, house, "ana")
        await page.press(QUESTION)
        link = "document.querySelector('.passage a')"
        await page.wait(f"{link}.rel === 'opener' && {link}.target === '_blank'")
        await page.open(await page.run(f"{link}.href"))
        await page.wait(f"{MARK}.innerText.includes('opens the gate at seven')")
        await page.wait(f"(r => r.top > 0 && r.bottom < innerHeight)({MARK}.getBoundingClientRect())")
        assert await page.run(f"{MARK}.innerText") in PAGE
        assert await page.run("document.title") == "Harbour rules"
        assert "<b>Not bold.</b>" in await page.text()
        await page.press("Download the original file")
        await page.wait("performance.getEntriesByType('resource').some(e => e.name.endsWith('/original'))")
        assert await page.run("document.querySelector('article [role=alert]').innerText") == ""
        assert await page.nameless() == []
        assert page.log == []
        changed = text.replace("seven", "eight")
        await upload(house, operator, "harbour.md", changed.encode())
        await page.command("Page.reload")
        await page.sees("version 2 is published now")
        await page.press("Open the published version")
        await page.sees("opens the gate at eight")


async def test_a_document_that_the_key_may_not_read_is_not_shown(house: House, chromium: Browser) -> None:
    operator = await house.client("olga", "operator")
    async with operator, chromium.tab() as page:
        form = {"files": ("harbour.md", PAGE.encode())}
        reply = await operator.post("/v1/documents", files=form, data={"access_groups": "hr"})
        await Worker(house.state.database, house.state.jobs, concurrency=1).run(wait=False)
        await page.open(f"{house.base}/console/document?id={reply.json()['items'][0]['id']}")
        await page.type("key", await house.key("asker", "user"))
        await page.press("Sign in")
        await page.sees("No such published text")
        assert "Zadar" not in await page.text()


async def test_quarantine_is_decided_in_the_browser(house: House, chromium: Browser) -> None:
    operator = await house.client("olga", "operator")
    async with operator, chromium.tab() as page:
        await upload(house, operator, "cafe.txt", b"The caf\xe9 at the pier opens at nine.")
        await upload(house, operator, "empty.txt", b"")
        await page.open(f"{house.base}/console/quarantine")
        await page.type("key", await house.key("otto", "operator"))
        await page.press("Sign in")
        await page.sees("empty_file")
        await page.sees("Save the file as UTF-8 and upload it again")
        assert await page.nameless() == []
        await page.press("Discard")
        await page.sees("Discarded.")
        await page.press("Release")
        await page.sees("Released: it is processed again.")
        await Worker(house.state.database, house.state.jobs, concurrency=1).run(wait=False)
        items = (await operator.get("/v1/documents")).json()["items"]
        assert {item["name"]: item["status"] for item in items} == {"cafe.txt": "published", "empty.txt": "discarded"}
        assert page.log == []


async def test_markup_in_the_name_of_a_file_is_shown_and_never_run(house: House, chromium: Browser) -> None:
    name = "<img src=x onerror='window.ran = 1'>.txt"
    operator = await house.client("olga", "operator")
    async with operator, chromium.tab() as page:
        await upload(house, operator, name, b"")
        await page.open(f"{house.base}/console/quarantine")
        await page.type("key", await house.key("otto", "operator"))
        await page.press("Sign in")
        await page.sees(name)
        await page.press("Discard")
        await page.sees("Discarded.")
        assert name in await page.text()
        assert await page.run("document.querySelectorAll('main img').length") == 0
        assert await page.run("window.ran") is None
        assert page.log == []
