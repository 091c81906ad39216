"""50 people and 80 items: each item is decided exactly once, and none is lost."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

from app.core.errors import Conflict, DatabaseUnavailable
from app.identity.domain import Principal
from tests.review.conftest import Desk, submission

T = TypeVar("T")
PEOPLE, ITEMS = 50, 80
OPEN = "select id from review_items where state = 'open'"


async def patiently(act: Callable[[], Awaitable[T]]) -> T:
    """Retry while no connection is free: 50 people share 16."""
    while True:
        try:
            return await act()
        except DatabaseUnavailable:
            await asyncio.sleep(0.05)


async def test_each_item_is_decided_exactly_once_by_one_of_many(desk: Desk) -> None:
    for _ in range(ITEMS):
        await desk.reviews.lifecycle.add(desk.tenant, await desk.send())
    done: Counter[str] = Counter()
    refused = 0

    async def review(who: Principal) -> None:
        nonlocal refused
        pick = random.Random(who.name)
        while True:
            open_items = [row[0] for row in await patiently(partial(desk.rows, OPEN))]
            if not open_items:
                return
            try:
                claimed = await patiently(partial(desk.reviews.queue.claim, who, pick.choice(open_items[:25])))
                verdict = submission(claimed, pick.choice(["approve", "reject"]))  # type: ignore[arg-type]
                await patiently(partial(desk.reviews.decisions.decide, who, claimed.id, verdict))
                done[str(claimed.id)] += 1
            except Conflict:
                refused += 1

    await asyncio.gather(*(review(desk.person(f"person-{number}")) for number in range(PEOPLE)))
    assert len(done) == ITEMS
    assert set(done.values()) == {1}
    assert refused > 0, "nobody raced"
    assert await desk.rows("select count(*), count(distinct item_id) from review_decisions") == [(ITEMS, ITEMS)]
    assert await desk.rows("select count(*) from reviewed_answers where state = 'held'") == [(0,)]
    agree = "(i.outcome = 'approved') = (a.state = 'delivered') and i.digest = a.digest"
    joined = "review_items i join reviewed_answers a on a.answer_id = i.subject_id"
    assert await desk.rows(f"select count(*) from {joined} where {agree}") == [(ITEMS,)]


async def test_one_of_many_concurrent_claims_succeeds(desk: Desk) -> None:
    item = await desk.queue()
    people = [desk.person(f"person-{number}") for number in range(20)]
    found = await asyncio.gather(*(desk.reviews.queue.claim(who, item.id) for who in people), return_exceptions=True)
    taken = [each for each in found if not isinstance(each, BaseException)]
    assert len(taken) == 1
    assert all(isinstance(each, Conflict) for each in found if isinstance(each, BaseException))
    assert taken[0].fence == 1
