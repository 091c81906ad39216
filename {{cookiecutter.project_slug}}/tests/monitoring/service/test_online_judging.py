"""The judge of live answers: within the money of the day, and no obstacle for the scores that need no model."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import LiteralString
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.types.json import Jsonb

from app.adapters.chat.standin import Fault
from app.core.clock import ManualClock
from app.core.embedded import Urls
from app.core.errors import DatabaseUnavailable
from app.evaluation.domain.policy import OnlineEvaluation, OnlineRates
from app.identity.service import Identity
from app.monitoring.service.online_evaluation import FEATURE, OnlineEvaluations
from app.wiring import State
from tests.evaluation.conftest import CASES, House, house
from tests.evaluation.service.test_llm_judge import Open, fair, judged, opened
from tests.monitoring.stored import PastAnswer, ago, store

__all__ = ["house", "opened"]

MAIL = "jane@acme.example"
ANOTHER = "0.0.0.0"  # noqa: S104, nothing binds to it: a connection to it ends here, and it is not this machine by name
QUOTE = "The lighthouse of Karlen was built in 1874 by the engineer Marta Holm."
ALL = OnlineRates(canary=1, refused=1, degraded=1, answered=1)


def scored_by(state: State, tenants: Sequence[UUID], hours: float = 0, **rules: object) -> OnlineEvaluations:
    """As a worker does it for these tenants, in so many hours. The ledger has the real day."""

    async def listed() -> list[UUID]:
        return list(tenants)

    clock = ManualClock()
    clock.advance((state.clock.now() - clock.now() + timedelta(hours=hours)).total_seconds())
    online = state.monitoring.online
    return replace(online, clock=clock, tenants=listed, rules=OnlineEvaluation.model_validate({"rates": ALL, **rules}))


def give(urls: Urls, tenant: UUID, texts: Sequence[str]) -> list[UUID]:
    """Answers of the last minutes, in this order, that quote one passage."""
    answers = [PastAnswer(tenant, at=ago(minutes=30 - number)) for number in range(len(texts))]
    store(urls, answers)
    cited = [{"quote": QUOTE, "uri": "tower.md", "title": "Tower", "headings": []}]
    with psycopg.connect(urls.owner) as connection:
        for answer, text in zip(answers, texts, strict=True):
            body = Jsonb({"text": f"{text} [1]", "citations": cited})
            connection.execute("update answers set body = body || %s where id = %s", (body, answer.id))
    return [each.id for each in answers]


def stored(urls: Urls, answers: Sequence[UUID], column: LiteralString = "judge") -> list[object]:
    """A score of each that was decided on."""
    query = f"select {column} from online_evaluations where answer_id = %s"
    with psycopg.connect(urls.owner) as connection:
        rows = [connection.execute(query, (each,)).fetchone() for each in answers]
    return [row[0] for row in rows if row]


async def spent(state: State, tenant: UUID, at: OnlineEvaluations) -> int:
    return await replace(state.monitoring.online, clock=at.clock)._spent_today(tenant)


async def test_the_judge_is_asked_until_the_money_of_the_day_is_used_up(
    house: House, opened: Open, database_urls: Urls
) -> None:
    state, arbiter = await opened(fair)
    tenant, other = [await state.identity.ensure_tenant(f"judged-{uuid4().hex}") for _ in range(2)]
    nothing = give(database_urls, other, [QUOTE])
    assert await scored_by(state, [other], daily_usd=0).sweep() == 1
    assert stored(database_urls, nothing) == [None], "without money it is not asked"
    assert not arbiter.calls

    today = give(database_urls, tenant, [f"{QUOTE} {number}." for number in range(3)])
    little = scored_by(state, [tenant], daily_usd=0.000001)
    assert await little.sweep() == 3
    assert stored(database_urls, today) == [1.0, None, None]
    cost = await spent(state, tenant, little)
    assert cost > 0
    assert await spent(state, other, little) == 0, "what calls for one tenant cost is no other's"

    more = give(database_urls, tenant, [f"{QUOTE} Yes."])
    assert await scored_by(state, [tenant], daily_usd=cost / 1_000_000).sweep() == 1
    assert stored(database_urls, more) == [None], "exactly as much as it may cost is no more left"
    still = give(database_urls, tenant, [f"{QUOTE} Indeed."])
    assert await scored_by(state, [tenant], daily_usd=(cost + 1) / 1_000_000).sweep() == 1
    assert stored(database_urls, still) == [1.0]
    with psycopg.connect(database_urls.owner) as connection:
        query = "select count(*) from ledger where tenant_id = %s and feature = %s and micro_usd > 0"
        assert connection.execute(query, (tenant, FEATURE)).fetchone() == (2,)


@pytest.mark.parametrize(("host", "shown"), [("127.0.0.1", True), (ANOTHER, False)])
async def test_a_judge_elsewhere_reads_no_personal_data_of_live_answers_nor_of_cases(
    house: House, opened: Open, database_urls: Urls, host: str, shown: bool
) -> None:
    house.suite([{**CASES[1], "answer": f"The main span measures 410 metres, says {MAIL}."}])
    state, arbiter = await opened(fair, host=host)
    await judged(state)
    asked = [str(each.body["messages"]) for each in arbiter.calls if "You check answers" in str(each.body)]
    assert any("main span of the bridge" in each for each in asked)
    assert any(MAIL in each for each in asked) == shown
    arbiter.calls.clear()
    tenant = await state.identity.ensure_tenant(f"judged-{uuid4().hex}")
    [answer] = give(database_urls, tenant, [f"{QUOTE} Write to {MAIL}."])
    await scored_by(state, [tenant]).sweep()
    assert stored(database_urls, [answer]) == [1.0], "what stands in the place of the address says as much"
    assert [MAIL in str(each.body) for each in arbiter.calls] == [shown]


async def test_the_next_day_has_money_of_its_own(house: House, opened: Open, database_urls: Urls) -> None:
    state, _ = await opened(fair)
    tenant = await state.identity.ensure_tenant(f"judged-{uuid4().hex}")
    first = give(database_urls, tenant, [f"{QUOTE} First."])
    await scored_by(state, [tenant], daily_usd=0.000001).sweep()
    second = give(database_urls, tenant, [f"{QUOTE} Second."])
    tomorrow = scored_by(state, [tenant], hours=24, daily_usd=0.000001)
    assert await spent(state, tenant, tomorrow) == 0
    await tomorrow.sweep()
    assert stored(database_urls, [*first, *second]) == [1.0, 1.0]


async def test_a_judge_that_fails_leaves_the_scores_that_need_no_model(
    house: House, opened: Open, database_urls: Urls
) -> None:
    state, arbiter = await opened(fair)
    arbiter.faults.extend([Fault(status=400)] * 200)
    tenant = await state.identity.ensure_tenant(f"judged-{uuid4().hex}")
    answers = give(database_urls, tenant, [QUOTE, "It is painted in green stripes."])
    assert await scored_by(state, [tenant]).sweep() == 2
    assert stored(database_urls, answers) == [None, None]
    assert stored(database_urls, answers, "groundedness") == [1.0, 0.0]
    assert len(arbiter.calls) == 1, "the rest is not tried"


async def test_what_fails_for_one_tenant_is_no_obstacle_for_the_others(
    state: State, database_urls: Urls, monkeypatch: pytest.MonkeyPatch
) -> None:
    unlucky, tenant = [await state.identity.ensure_tenant(f"judged-{uuid4().hex}") for _ in range(2)]
    missed, done = (give(database_urls, each, [QUOTE]) for each in (unlucky, tenant))
    name_of = Identity.tenant_name

    async def sometimes(identity: Identity, tenant_id: UUID) -> str:
        if tenant_id == unlucky:
            raise DatabaseUnavailable()
        return await name_of(identity, tenant_id)

    with monkeypatch.context() as broken:
        broken.setattr(Identity, "tenant_name", sometimes)
        assert await scored_by(state, [unlucky, tenant]).sweep() == 1
    assert (len(stored(database_urls, missed)), len(stored(database_urls, done))) == (0, 1)
    assert await scored_by(state, [unlucky, tenant]).sweep() == 1, "the next sweep takes what was missed"
