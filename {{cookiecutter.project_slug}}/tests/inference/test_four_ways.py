"""Whatever becomes of a question, every way out says the same. `python -m benchmarks.four_ways` draws thousands."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as hypothesis_settings

from app.core.embedded import Urls
from app.settings import Settings
from tests.inference.ways.comparison import check, kind_of
from tests.inference.ways.outcomes import NAMED, OUTCOMES, Outcome
from tests.inference.ways.stage import Stage, Traces, open_stage

DRAWN = 3
Play = Callable[[Outcome], dict[str, Traces]]


@pytest.fixture(scope="module")
def play(house: Path, settings: Settings, database_urls: Urls) -> Iterator[Play]:
    with asyncio.Runner() as runner:
        opening = open_stage(settings.model_copy(update={"root": house}), database_urls)
        stage: Stage = runner.run(opening.__aenter__())
        yield lambda outcome: runner.run(check(stage, outcome, uuid4().hex))
        runner.run(opening.__aexit__(None, None, None))


@pytest.mark.parametrize("name", NAMED)
def test_an_outcome_is_the_same_in_every_way_out(play: Play, name: str) -> None:
    kind, outcome = NAMED[name]
    assert kind in set(map(kind_of, play(outcome).values()))


def test_any_outcome_is_the_same_in_every_way_out(play: Play) -> None:
    @hypothesis_settings(
        max_examples=DRAWN,
        derandomize=True,
        database=None,
        deadline=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(OUTCOMES)
    def run(outcome: Outcome) -> None:
        play(outcome)

    run()
