import pytest

from app.core.embedded import Urls
from app.releases.domain import NotApproved
from app.settings import Settings
from app.setup.rollback import NothingApproved, open_rollouts
from app.wiring import State


@pytest.mark.parametrize("moves", ["check", "first_release"])
async def test_a_process_that_rolls_back_approves_nothing(moves: str) -> None:
    with pytest.raises(NotApproved):
        await getattr(NothingApproved(), moves)(None, None)


async def test_the_composition_of_rollback_sees_what_is_live(
    state: State, settings: Settings, database_urls: Urls
) -> None:
    live = await state.environments.resolve()
    draft = await state.releases.create("ana", changes={"retrieval.dense_weight": 0.31}, reason="a test")
    async with open_rollouts(settings, database_urls) as rollouts:
        assert (await rollouts.environments.resolve()).id == live.id
        with pytest.raises(NotApproved, match="Nothing but a rollback"):
            await rollouts.activate("ana", draft.id, "a new one")
