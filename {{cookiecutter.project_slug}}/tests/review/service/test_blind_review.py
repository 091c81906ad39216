"""Two people review a text independently: no route shows the second one whether the first has decided or only claimed
it.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from app.identity.domain import Principal
from app.inference.domain.human_review import JudgedTwice
from app.main import create_app
from app.review.domain.blind_review import PairedReviewSeen
from app.review.domain.items import DecisionType, LeaseLost, ReviewAlreadyClaimed, ReviewCursor, ReviewItem
from app.review.repository import ReviewFilters
from app.wiring import State
from tests.conftest import adopt
from tests.review.conftest import Desk, Seated, submission

OTHER = "The gate opens at eight [1]."
UUIDS = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
# What is told of the whole service, or of what reviewers never see.
WHOLE = {"/metrics", "/health/ready", "/v1/reviews/agreement"}


async def pair(desk: Desk, **options: Any) -> tuple[ReviewItem, ReviewItem]:
    """Both review items of one answer."""
    item = await desk.queue(overlap=1.0, **options)
    both = await desk.reviews.queue.list(desk.person("reader"), ReviewFilters(state=None), None, 200)
    return item, next(each for each in both if each.subject_id == item.subject_id and each.kind == "overlap")


async def begun(desk: Desk, item: ReviewItem) -> None:
    await desk.reviews.queue.claim(desk.person("ana"), item.id)


def decided(verb: DecisionType, text: str | None = None) -> Callable[[Desk, ReviewItem], Awaitable[None]]:
    async def go(desk: Desk, item: ReviewItem) -> None:
        await desk.decide(desk.person("ana"), item, verb, text)

    return go


WAYS: dict[str, Callable[[Desk, ReviewItem], Awaitable[None]]] = {
    "approve": decided("approve"),
    "edit": decided("edit", OTHER),
    "reject": decided("reject"),
}


async def seen(desk: Desk, item: ReviewItem, twin: ReviewItem) -> dict[str, str]:
    """The responses of every route to a second reviewer, without random values."""
    key = await desk.state.identity.create_key(desk.tenant, "ben", ["reviewer"])
    app = create_app(replace(desk.state, reviews=desk.reviews))
    found: dict[str, str] = {}
    names = {str(item.id): "ITEM", str(twin.id): "TWIN", str(item.subject_id): "ANSWER"}
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    headers = {"Authorization": f"Bearer {key.text}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://service", headers=headers) as client:
        for path, methods in app.openapi()["paths"].items():
            for name, method, body in asked(path, methods, item, twin):
                reply = await client.request(method, name, json=body)
                found[f"{method} {path} {len(found)}"] = f"{reply.status_code} {plain(reply.text, names)}"
    return found


def asked(path: str, methods: dict[str, Any], item: ReviewItem, twin: ReviewItem) -> list[tuple[str, str, Any]]:
    """Every read of both items and of the answer, each filter of the queue, and every decision without a claim."""
    if path in WHOLE:
        return []
    subjects = [item.id, twin.id] if "review_id" in path else [item.subject_id]
    names = [re.sub(r"\{\w+\}", str(each), path) for each in subjects]
    reads = [(name, "GET", None) for name in names if "get" in methods]
    if path == "/v1/reviews":
        queries = ("state=open", "state=decided", "state=expired", "free=true", "level=0", "level=2", "kind=answer")
        reads += [(f"{path}?{query}", "GET", None) for query in queries]
    if path == "/v1/answers/{answer_id}/feedback":
        reads += [(names[0], "POST", {"helpful": True})]
    if path == "/v1/answers/{answer_id}/replay":
        reads += [(names[0], "POST", None)]
    bodies: dict[str, Any] = {"heartbeat": {"token": 1}, "release": {"token": 1}}
    verdict = {"decision": "approve", "reason": "read it", "token": 1, "version": 1, "sha256": item.digest}
    bodies |= {"decide": verdict, "claim": None}
    verb = path.rpartition("/")[2]
    if "review_id" in path and verb in bodies:
        reads += [(names[0], "POST", bodies[verb])]
    return reads


def plain(text: str, names: dict[str, str]) -> str:
    for name, stand_in in names.items():
        text = text.replace(name, stand_in)
    text = re.sub(r'"(?:trace_id|request_id|sha256|prefix)":"[^"]*"', '"…"', UUIDS.sub("ID", text))
    return re.sub(r"\d{4}-\d\d-\d\dT[\d:.+Z]*|\d+", "N", text)


@pytest.mark.parametrize("timing", ["before", "after"])
@pytest.mark.parametrize("way", sorted(WAYS))
async def test_no_route_shows_the_second_reviewer_the_decision_of_the_first(
    state: State, seat: Seated, way: str, timing: str
) -> None:
    await adopt(state)
    views = []
    for act in (begun, WAYS[way]):
        desk = await seat()
        item, twin = await pair(desk, send=timing)
        await act(desk, item)
        views.append(await seen(desk, item, twin))
    assert views[0].keys() == views[1].keys()
    assert sum(view.startswith("200") for view in views[0].values()) > 12
    told = {asked: (views[0][asked], views[1][asked]) for asked in views[0] if views[0][asked] != views[1][asked]}
    assert told == {}


async def test_nor_when_the_second_item_is_decided_first(desk: Desk) -> None:
    item, twin = await pair(desk)
    await WAYS["reject"](desk, twin)
    ben = desk.person("ben")
    shown, decisions = await desk.reviews.queue.show(ben, twin.id)
    assert (shown.state, shown.outcome, list(decisions)) == ("open", None, [])
    assert {each.state for each in await desk.reviews.queue.list(ben, ReviewFilters(), None, 10)} == {"open"}
    with pytest.raises(ReviewAlreadyClaimed):
        await desk.reviews.queue.claim(ben, twin.id)
    assert (await desk.decide(ben, item, "approve")).state == "decided"


async def test_an_item_for_two_approvals_looks_undecided_after_the_first(desk: Desk) -> None:
    item, twin = await pair(desk, decisions=2)
    await WAYS["edit"](desk, item)
    ben = desk.person("ben")
    shown, decisions = await desk.reviews.queue.show(ben, item.id)
    assert (shown.payload, shown.version, shown.digest, list(decisions)) == (item.payload, 1, item.digest, [])
    claimed = await desk.reviews.queue.claim(ben, item.id)
    assert b"eight" in claimed.payload
    assert len((await desk.reviews.queue.show(ben, item.id))[1]) == 1
    with pytest.raises(PairedReviewSeen):
        await desk.reviews.queue.claim(ben, twin.id)


@pytest.mark.parametrize("verb", ["request_changes", "escalate"])
async def test_neither_a_reason_nor_a_level_is_disclosed(desk: Desk, verb: DecisionType) -> None:
    item, _ = await pair(desk)
    await decided(verb)(desk, item)
    shown, decisions = await desk.reviews.queue.show(desk.person("ben"), item.id)
    assert (shown.note, shown.level, shown.version, list(decisions)) == ("", 0, 1, [])
    levels = [
        len(await desk.reviews.queue.list(desk.person("ben"), ReviewFilters(level=level), None, 10)) for level in (0, 2)
    ]
    assert levels == [2, 0]


async def test_a_reviewer_of_one_item_cannot_review_the_other(desk: Desk) -> None:
    item, twin = await pair(desk)
    ana = desk.person("ana")
    claimed = await desk.reviews.queue.claim(ana, item.id)
    await desk.reviews.queue.release(ana, item.id, claimed.fence)
    with pytest.raises(PairedReviewSeen):
        await desk.reviews.queue.claim(ana, twin.id)
    assert (await desk.reviews.queue.claim(ana, item.id)).id == item.id


async def test_after_both_decisions_everything_is_shown(desk: Desk) -> None:
    item, twin = await pair(desk)
    ana, ben, reader = desk.person("ana"), desk.person("ben"), desk.person("reader")
    await desk.decide(ana, item, "reject")
    with pytest.raises(JudgedTwice):
        await desk.state.archive.show(reader, item.subject_id)
    assert await desk.reviews.golden_suite.candidates(reader) == []
    await desk.decide(ben, twin, "approve")
    assert (await desk.state.archive.show(reader, item.subject_id))["status"] == "rejected"
    ended = await desk.reviews.queue.list(reader, ReviewFilters(state="decided"), None, 10)
    assert {(each.kind, each.outcome) for each in ended} == {("answer", "rejected"), ("overlap", "approved")}
    assert [each.item.id for each in await desk.reviews.golden_suite.candidates(reader)] == [item.id]


async def test_after_simultaneous_decisions_everything_is_shown(desk: Desk) -> None:
    pairs = [await pair(desk) for _ in range(12)]

    async def decide(name: str, item: ReviewItem) -> None:
        await desk.decide(desk.person(name), item, "approve")

    await asyncio.gather(*(decide(f"{side}-{n}", both[side]) for n, both in enumerate(pairs) for side in (0, 1)))
    assert await desk.rows("select count(*) from reviewed_answers where blind") == [(0,)]


async def test_after_the_second_item_expires_everything_is_shown(desk: Desk) -> None:
    item, _ = await pair(desk)
    await WAYS["reject"](desk, item)
    desk.clock.advance(timedelta(days=8).total_seconds())
    await desk.reviews.lifecycle.expire_due()
    assert (await desk.reviews.queue.show(desk.person("ben"), item.id))[0].outcome == "rejected"
    assert (await desk.state.archive.show(desk.person("ben"), item.subject_id))["status"] == "rejected"


async def test_the_second_reviewer_has_days_however_soon_the_first_one_must_decide(desk: Desk) -> None:
    item, twin = await pair(desk, due_minutes=5)
    await WAYS["approve"](desk, item)
    desk.clock.advance(timedelta(days=6).total_seconds())
    await desk.reviews.lifecycle.expire_due()
    assert (await desk.decide(desk.person("ben"), twin, "reject")).outcome == "rejected"


async def test_the_asker_and_other_readers_get_the_answer_at_once(desk: Desk) -> None:
    item, _ = await pair(desk)
    await WAYS["approve"](desk, item)
    for who in (desk.person("asker", "admin"), desk.person("somebody", "user")):
        assert (await desk.state.archive.show(who, item.subject_id))["review"]["outcome"] == "approved"


async def test_a_decision_without_a_claim_discloses_nothing(desk: Desk) -> None:
    item, _ = await pair(desk)
    await WAYS["approve"](desk, item)
    ben = desk.person("ben")
    with pytest.raises(LeaseLost, match="You have not claimed it"):
        await desk.reviews.decisions.decide(ben, item.id, submission(item, "approve"))


async def test_an_item_with_one_review_is_shown_as_it_is(desk: Desk) -> None:
    item = await desk.queue()
    await WAYS["edit"](desk, item)
    shown, decisions = await desk.reviews.queue.show(desk.person("ben"), item.id)
    assert (shown.outcome, len(decisions)) == ("edited", 1)


async def test_pages_are_complete_with_items_that_look_undecided(desk: Desk) -> None:
    pairs = [await pair(desk) for _ in range(4)]
    for item, _ in pairs:
        await WAYS["approve"](desk, item)
    ben: Principal = desk.person("ben")
    found: list[UUID] = []
    place = None
    while page := await desk.reviews.queue.list(ben, ReviewFilters(), place, 3):
        found += [each.id for each in page]
        place = ReviewCursor(page[-1].due_at, page[-1].id)
    assert sorted(found) == sorted(each.id for both in pairs for each in both)
    assert len(await desk.reviews.queue.list(ben, ReviewFilters(free=True), None, 10)) == 4
