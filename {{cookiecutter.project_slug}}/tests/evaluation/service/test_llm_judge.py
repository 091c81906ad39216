"""A judge model is used only while it agrees with human labels."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import text

from app.adapters.chat.choice import ModelChoice
from app.adapters.chat.standin import Fault, StandIn
from app.core.embedded import Urls
from app.core.ids import new_id
from app.costs.domain.budgets import BudgetUsedUp
from app.evaluation.domain.cases import TENANT
from app.evaluation.domain.report import Report
from app.evaluation.service.rendering import as_markdown
from app.llm.domain.errors import ModelFailure
from app.settings import Settings
from app.wiring import State, build
from tests.conftest import ROOT
from tests.evaluation.conftest import House
from tests.evaluation.prompt_following_model import follow_prompt
from tests.evaluation.service.test_evaluations import alone, evaluate

LABELS = 60
Json = dict[str, Any]


def fair(body: Json) -> str:
    """Accepts an answer that contains the expected text."""
    if not body["messages"][0]["content"].startswith("You check answers"):
        return follow_prompt(body)
    shown = body["messages"][1]["content"]
    right, given = (shown.split(f"<{name}>\n")[1].split(f"\n</{name}>")[0] for name in ("right", "given"))
    return "GOOD" if right in given else "BAD"


def contrary(body: Json) -> str:
    said = fair(body)
    return {"GOOD": "BAD", "BAD": "GOOD"}.get(said, said)


Open = Callable[..., Awaitable[tuple[State, StandIn]]]


@pytest_asyncio.fixture
async def opened(house: House, settings: Settings, database_urls: Urls) -> AsyncIterator[Open]:
    cost, quality = (house.root / "policies" / f"{name}.yaml" for name in ("cost", "quality"))
    cost.write_text(cost.read_text() + "\n  arbiter: {input: 1, output: 2}\n")
    quality.write_text(quality.read_text().replace("  model: null", "  model: arbiter"))
    house.write("evals/judge.md", (ROOT / "evals" / "judge.md").read_text())
    pairs = ((n, n + n % 2) for n in range(LABELS))
    people = [
        {"id": f"l{n}", "question": "?", "right": f"{n} metres", "given": f"{said} metres", "good": n == said}
        for n, said in pairs
    ]
    house.write("evals/judge_labels.jsonl", "\n".join(map(json.dumps, people)))
    async with AsyncExitStack() as stack:

        async def start(
            mind: Callable[[Json], str], chain: bool = True, host: str = "127.0.0.1"
        ) -> tuple[State, StandIn]:
            arbiter = await stack.enter_async_context(StandIn(model="arbiter", mind=mind))
            address = arbiter.url.replace("127.0.0.1", host)
            choices = (ModelChoice(model="arbiter", base_url=address),) if chain else ()
            changed = settings.model_copy(update={"root": house.root, "model_chain": choices})
            return await stack.enter_async_context(build(changed, database_urls)), arbiter

        yield start


async def judged(state: State) -> Report:
    release = await state.releases.create("ada")
    return (await evaluate(alone(state), release))[1]


def scores(report: Report) -> dict[str, float]:
    values = {case.case_id: case.values["judge"] for case in report.candidate.cases}
    return {name: value for name, value in values.items() if value is not None}


async def test_a_judge_that_agrees_with_people_scores_answers_and_is_paid_once(house: House, opened: Open) -> None:
    state, arbiter = await opened(fair)
    report = await judged(state)
    assert scores(report) == {"tower": 1.0, "span": 0.0, "vault": 1.0}  # 'span' has a reference answer word for word
    assert "was used: kappa 1.00" in report.notes[0]
    calls = len([call for call in arbiter.calls if "You check" in str(call.body)])
    assert calls == LABELS + 3
    await judged(state)
    assert len([call for call in arbiter.calls if "You check" in str(call.body)]) == calls
    spent, charges = 0, text("select count(*) from ledger where feature = 'judging' and micro_usd > 0")
    for name in ("evaluation", house.tenant):
        async with state.database.read(await state.identity.tenant(name)) as connection:
            spent += (await connection.execute(charges)).scalar_one()
    assert spent >= calls


async def test_a_judge_that_disagrees_with_people_is_not_used_and_the_report_says_so(
    house: House, opened: Open
) -> None:
    prompt = house.root / "evals" / "judge.md"
    prompt.write_text(prompt.read_text() + "\nBe strict.\n")  # another judge, whose word nobody remembers
    state, _ = await opened(contrary)
    report = await judged(state)
    assert scores(report) == {}
    assert "was not used: kappa -1.00 is below the floor of 0.60" in report.notes[0]
    assert "was not used" in as_markdown(report)


async def test_a_judge_without_enough_labels_is_not_used(house: House, opened: Open) -> None:
    house.write("evals/judge_labels.jsonl", "")
    state, _ = await opened(fair)
    report = await judged(state)
    assert scores(report) == {}
    assert "0 human labels; at least 50 are needed" in report.notes[0]


async def test_a_judge_that_this_process_does_not_have_is_named(opened: Open) -> None:
    state, _ = await opened(fair, chain=False)
    report = await judged(state)
    assert report.notes == ("The judge arbiter was not used: APP_MODEL_CHAIN names no such model.",)


@pytest.mark.usefixtures("house")
async def test_no_judge_runs_unless_the_policy_names_one(service: State) -> None:
    report = await judged(service)
    assert (scores(report), report.notes) == ({}, ())


async def test_no_judge_is_asked_that_there_is_no_money_for(house: House, opened: Open) -> None:
    prompt = house.root / "evals" / "judge.md"
    prompt.write_text(prompt.read_text() + "\nBe kind.\n")
    state, arbiter = await opened(fair)
    tenant = await state.identity.ensure_tenant(TENANT)
    await state.costs.budgets.set("tests", tenant, "day", 1, "a test needs it")
    with pytest.raises(BudgetUsedUp):
        await judged(state)
    await state.costs.budgets.set("tests", tenant, "day", None, "other tests need more")
    assert [call for call in arbiter.calls if "You check" in str(call.body)] == []


@pytest.mark.parametrize(("fault", "charged"), [(Fault(status=400), False), (Fault(body=b"no reply at all"), True)])
async def test_a_call_of_the_judge_that_fails_costs_what_it_may_have_cost_and_holds_nothing(
    house: House, opened: Open, fault: Fault, charged: bool
) -> None:
    prompt = house.root / "evals" / "judge.md"
    prompt.write_text(f"{prompt.read_text()}\nBe exact about {charged}.\n")
    state, arbiter = await opened(fair)
    tenant, run = await state.identity.ensure_tenant(TENANT), new_id()
    arbiter.always = fault
    with pytest.raises(ModelFailure):
        await alone(state).judge.scores(run)
    async with state.database.read(tenant) as connection:
        paid = text("select coalesce(sum(micro_usd), 0) from ledger where feature = 'judging' and subject_id = :run")
        micro_usd = (await connection.execute(paid, {"run": run})).scalar_one()
    assert (micro_usd > 0) == charged
    await state.costs.reservations.close()
    assert [each.held_micro_usd for each in await state.costs.budgets.current(tenant)][2:] == [0, 0]
