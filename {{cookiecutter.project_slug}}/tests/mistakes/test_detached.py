"""A promise about one of the twelve mistakes breaks when its control is taken out of the wiring of the built service:
it is the control that keeps it, and what tests it can fail.
"""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio

from app.adapters.chat.choice import ModelChoice
from app.adapters.chat.standin import StandIn
from app.core.embedded import Urls
from app.settings import Settings
from app.wiring import build
from tests.conftest import adopt
from tests.inference.conftest import TOWER
from tests.mistakes.controls import CONTROLS
from tests.mistakes.detached import Control, World, opened
from tests.mistakes.evaluation_and_cost_controls import MORE_CONTROLS

ALL = [*CONTROLS, *MORE_CONTROLS]


@pytest_asyncio.fixture(scope="module")
async def world(house: Path, settings: Settings, database_urls: Urls) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        model = await stack.enter_async_context(StandIn(model="stand-in"))
        chain = (ModelChoice(model=model.model, base_url=model.url, idle_seconds=100, timeout_seconds=600),)
        chosen = settings.model_copy(update={"root": house, "model_chain": chain})
        state = await stack.enter_async_context(build(chosen, database_urls))
        await adopt(state)
        made = await opened(state, model)
        assert await made.upload(TOWER) == "published"
        yield made


@pytest.mark.parametrize("control", ALL, ids=[f"{each.mistake}: {each.name}" for each in ALL])
async def test_without_its_control_the_promise_breaks(world: World, control: Control) -> None:
    with world.restored():
        control.prepare(world)
        assert await control.promise(world), "it is kept"
        control.detach(world)
        assert not await control.promise(world), "it is kept without the control too"


def test_each_mistake_has_controls_that_are_detached() -> None:
    counted = Counter(each.mistake for each in ALL)
    assert [mistake for mistake in range(1, 13) if counted[mistake] < 4] == []
