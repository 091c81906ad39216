"""What an operator and the role service see of budgets and error budgets, in a real browser."""

import psycopg
import pytest

from app.core.embedded import Urls
from app.costs.domain import Usage
from app.identity.domain import KeyTerms
from tests.console.browser import Browser, Page, installed
from tests.console.conftest import House
from tests.costs.ledger import charged
from tests.monitoring.stored import PastAnswer, store

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(installed() is None, reason="no browser on the PATH: install chromium, or name one in CHROMIUM"),
]


async def sign_in(page: Page, house: House, at: str, name: str, role: str) -> None:
    await page.open(f"{house.base}/console/{at}")
    await page.type("key", await house.key(name, role))
    await page.press("Sign in")


async def test_an_operator_sees_the_budget_of_the_own_tenant_only(house: House, chromium: Browser) -> None:
    budgets = house.state.costs.budgets
    await budgets.set("tests", house.tenant, "day", 5_000_000, "a start")
    await budgets.set_own("admin", house.tenant, "day", 2_000_000, "a quiet month")
    async with chromium.tab() as page:
        await sign_in(page, house, "budgets", "olga", "operator")
        await page.sees("This tenant, today")
        await page.sees("left of $2.00. The service allows $5.00.")
        assert "Whole service" not in await page.text()
        assert "Reviews" not in await page.text()


async def test_the_role_service_sees_what_was_used_of_each_error_budget(
    house: House, chromium: Browser, database_urls: Urls
) -> None:
    store(database_urls, [PastAnswer(house.tenant, degraded=number % 2 == 0) for number in range(2_000)])
    try:
        reader = await house.client("gwen", "service")
        async with reader, chromium.tab() as page:
            standing = (await reader.get("/v1/monitoring/error-budgets")).json()
            await sign_in(page, house, "error-budgets", "sven", "service")
            await page.sees("Releases are stopped: the error budget of")
            text = await page.text()
            for each in standing["budgets"]:
                assert each["meaning"] in text
            [undegraded] = [each for each in standing["budgets"] if each["objective"] == "undegraded"]
            assert undegraded["state"] == "spent"
            assert f"{undegraded['bad']:,} of {undegraded['events']:,} went wrong" in text
            assert await page.nameless() == []
            assert page.log == []
    finally:
        with psycopg.connect(database_urls.owner) as owner:
            owner.execute("delete from answers where tenant_id = %s", (house.tenant,))


async def test_the_role_service_sees_the_budget_of_the_whole_service(house: House, chromium: Browser) -> None:
    async with chromium.tab() as page:
        await sign_in(page, house, "budgets", "sven", "service")
        await page.sees("Whole service, this month")
        await page.sees("left of $200.00")
        await page.sees("by the end of the month")
        assert await page.nameless() == []
        assert page.log == []


async def test_costs_are_shown_by_key_and_person_and_markup_in_their_names_never_runs(
    house: House, chromium: Browser
) -> None:
    name = "<img src=x onerror='window.ran = 1'>"
    await house.state.identity.create_key(house.tenant, name, ["user"], terms=KeyTerms(person="Ana <b>B</b>"))
    [key] = await house.state.identity.list_keys(house.tenant)
    async with house.state.database.transaction(house.tenant) as connection:
        await charged(house.state.costs, connection, house.tenant, "answer", "extractive", Usage(100), key_id=key.id)
    async with chromium.tab() as page:
        await sign_in(page, house, "budgets", "olga", "operator")
        for text in ("By key", name, "By person", "ana <b>b</b>"):
            await page.sees(text)
        assert str(key.id) not in await page.text()
        assert await page.run("document.querySelectorAll('main :is(img, b)').length") == 0
        assert await page.run("window.ran") is None
        assert await page.nameless() == []
        assert page.log == []
