"""What a reviewer sees and does in a real browser, and what comes of it for the one who asked."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.console.browser import Browser, Page, browser, installed
from tests.console.conftest import PAGE, QUESTION, House

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(installed() is None, reason="no browser on the PATH: install chromium, or name one in CHROMIUM"),
]


@pytest_asyncio.fixture
async def chromium(tmp_path: Path) -> AsyncIterator[Browser]:
    async with browser(tmp_path / "profile") as started:
        yield started


async def sign_in(page: Page, house: House, name: str) -> None:
    await page.open(f"{house.base}/console/")
    await page.sees("Sign in")
    await page.type("key", await house.key(name))
    await page.press("Sign in")
    await page.sees("Sign out")


async def test_the_asker_gets_what_a_reviewer_wrote(house: House, chromium: Browser) -> None:
    await house.publish(PAGE)
    asker = await house.client("asker", "user")
    async with asker, chromium.tab() as page:
        answer_id = await house.ask(asker)
        await sign_in(page, house, "ana")
        await page.sees(QUESTION)
        await page.press(QUESTION)
        await page.sees("Harbour rules")
        await page.press("Claim")
        await page.press("Edit")
        await page.type("text", "At seven on weekdays [1].")
        await page.wait("document.querySelector('.diff ins') && document.querySelector('.diff del')")
        await page.type("reason", "shorter")
        await page.run("document.querySelector('form.deciding').requestSubmit()")
        await page.sees("Edited and approved.")
        answer = (await asker.get(f"/v1/answers/{answer_id}")).json()
        assert (answer["status"], answer["text"]) == ("answered", "At seven on weekdays [1].")
        assert page.said == []
        assert {address.partition("/v1")[0].partition("/console")[0] for address in page.asked} <= {house.base}
