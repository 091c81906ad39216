import asyncio
import time

import httpx

from app.adapters.chat.standin import Fault
from tests.inference.conftest import TOWER, Open, Service

WHO = "Who built the lighthouse of Karlen?"


async def test_three_times_too_many_questions_are_answered_as_far_as_they_fit_and_the_rest_turned_away_at_once(
    open_service: Open,
) -> None:
    service = await open_service()
    await service.publish(TOWER)
    object.__setattr__(service.state.answers, "most_at_once", 4)
    service.model.always = Fault(hang=1.0)
    replies = await asyncio.gather(*(timed(service) for _ in range(12)))
    answered = [spent for reply, spent in replies if reply.status_code == 200]
    turned_away = [(reply, spent) for reply, spent in replies if reply.status_code == 503]
    assert (len(answered), len(turned_away)) == (4, 8)
    assert all(spent < 1.0 for _, spent in turned_away)
    assert all(int(reply.headers["retry-after"]) >= 1 for reply, _ in turned_away)
    assert len(await service.rows("select 1 from answers")) == 4


async def timed(service: Service) -> tuple[httpx.Response, float]:
    began = time.monotonic()
    reply = await service.ask(WHO)
    return reply, time.monotonic() - began
