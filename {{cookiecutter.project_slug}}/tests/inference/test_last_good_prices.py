"""An invalid price table is refused and the last valid one stays in use, at the start and while running."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from app.adapters.chat.choice import ModelChoice
from app.adapters.chat.standin import Fault
from app.core.embedded import Urls
from app.core.errors import StartRefused
from app.releases.domain import FilesRefused, ReleaseUnservable, digest_of
from app.settings import Settings
from app.wiring import State, build
from tests.inference.conftest import Service
from tests.inference.forms import ask
from tests.inference.test_budgets import WHO

PRICE = "stand-in: {input: 1, output: 2}"
BAD = {
    "zero": "stand-in: {input: 1, output: 0}",
    "a unit too large": "stand-in: {input: 1000, output: 2000}",
    "a unit too small": "stand-in: {input: 0.001, output: 0.002}",
    "out of the world": "stand-in: {input: 10000, output: 20000}",
    "missing": "nobody: {input: 1, output: 2}",
}


@pytest.fixture
def with_price(house: Path, settings: Settings) -> Any:
    """Settings of a process whose files have another price for the stand-in."""
    cost = house / "policies" / "cost.yaml"
    before = cost.read_text()
    chain = (ModelChoice(model="stand-in", base_url="http://127.0.0.1:9/v1"),)

    def choose(price: str) -> Settings:
        assert PRICE in before
        cost.write_text(before.replace(PRICE, price))
        return settings.model_copy(update={"root": house, "model_chain": chain})

    yield choose
    cost.write_text(before)


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
async def test_a_process_with_bad_prices_keeps_those_of_the_live_release(
    service: Service, with_price: Any, database_urls: Urls, bad: str
) -> None:
    async with build(with_price(bad), database_urls) as state:
        assert state.costs.table.digest == service.state.costs.table.digest
        (note,) = [note for note in await state.health.notes() if "prices" in note]
        assert "stand-in" in note
        with pytest.raises(FilesRefused, match="stand-in"):
            await state.releases.create("tests")
        await state.environments.resolve()
        assert state.environments.current().id == service.state.environments.current().id


@pytest.mark.parametrize("bad", ["zero", "missing", "out of the world"])
async def test_with_no_good_prices_a_process_does_not_start(with_price: Any, bad: str, nowhere: Urls) -> None:
    with pytest.raises(StartRefused, match="stand-in"):
        async with build(with_price(BAD[bad]), nowhere):
            pass


async def test_valid_prices_are_used(service: Service, with_price: Any, database_urls: Urls) -> None:
    async with build(with_price("stand-in: {input: 2, output: 3}"), database_urls) as state:
        assert state.costs.table.digest != service.state.costs.table.digest
        assert not [note for note in await state.health.notes() if "prices" in note]
        assert await state.releases.create("tests")


async def with_table(state: State, **prices: str) -> str:
    """A release that differs from the live one by the price of the stand-in, stored as if by another process."""
    release, parts = await state.releases.show(state.environments.current().id)
    table = orjson.loads(release.prices)
    table["stand-in"]["tiers"][0]["prices"] |= prices
    bad = orjson.dumps(table)
    manifest = release.manifest.model_copy(update={"prices": digest_of(bad)})
    async with state.database.transaction(None) as connection:
        stored = await state.releases.store(connection, manifest, {**parts, digest_of(bad): bad}, "tests", "a test")
    return stored.id


async def test_an_answer_costs_what_its_release_says_and_so_does_one_that_failed(service: Service) -> None:
    state, before = service.state, (await service.ask(WHO)).json()
    dearer = await with_table(state, input="2", output="4")
    await state.rollouts.activate("tests", dearer, "a test needs it", break_glass=True)
    after = (await service.ask(WHO)).json()
    assert (after["release_id"], after["usage"]) == (dearer, before["usage"])
    assert 2 * before["cost_micro_usd"] - 2 <= after["cost_micro_usd"] <= 2 * before["cost_micro_usd"]
    for stream in (False, True):
        service.model.faults.append(Fault(body=b"no reply at all"))
        await ask(service, "stream" if stream else "json")
    await state.answers.close()
    charged = "select distinct output_price::float from ledger where release_id = %s"
    assert await service.rows(charged.replace("%s", f"'{dearer}'")) == [(4.0,)]


@pytest.mark.parametrize("prices", [{"output": "0"}, {"input": "NaN"}, {"input": "-1"}, {"output": "2000000"}])
async def test_a_release_with_bad_prices_does_not_go_live_and_answers_cost_what_they_did(
    service: Service, prices: dict[str, str]
) -> None:
    state, before = service.state, (await service.ask(WHO)).json()
    bad = await with_table(state, **prices)
    with pytest.raises(ReleaseUnservable, match="price"):
        await state.rollouts.activate("tests", bad, "a test needs it", break_glass=True)
    after = (await service.ask(WHO)).json()
    assert after["release_id"] == before["release_id"] != bad
    assert after["cost_micro_usd"] == before["cost_micro_usd"] > 0


async def test_a_running_process_stays_with_the_last_release_whose_prices_are_good(
    service: Service, with_price: Any, database_urls: Urls
) -> None:
    before = (await service.ask(WHO)).json()
    bad = await with_table(service.state, output="0")
    async with build(with_price(PRICE), database_urls) as other:
        # A process that did not look lets it go live.
        live, held = await other.environments.resolve(), other.answers.loaded_releases.by_id
        held[bad] = held[live.id]
        await other.rollouts.activate("tests", bad, "nobody looked", break_glass=True)
    await service.state.environments.follow()
    after = (await service.ask(WHO)).json()
    assert (after["release_id"], after["cost_micro_usd"]) == (before["release_id"], before["cost_micro_usd"])
    assert "price" in (await service.state.health.report())["release"]
