"""What an evaluation has read is erased before it stores what came of it."""

from collections.abc import Awaitable, Callable
from dataclasses import fields, replace
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from app.core.errors import ErasedMeanwhile
from app.evaluation.service import Evaluations
from app.privacy.domain.requests import Selection
from app.wiring import State
from tests.evaluation.conftest import CASES, House
from tests.evaluation.service.test_case_runner import counting
from tests.evaluation.service.test_evaluations import alone, draft

PERSON = Selection("subject", "Marta Holm")


async def stored(service: State, tenant: UUID) -> int:
    """Results that hold the name of the person."""
    async with service.database.read(tenant) as connection:
        count = text("select count(*) from evaluation_results where observed::text ~ 'Marta Holm'")
        return int((await connection.execute(count)).scalar_one())


async def begun(service: State, house: House, evaluations: Evaluations) -> tuple[UUID, Callable[[], Awaitable[Any]]]:
    """The tenant, and what erases the person there."""
    await evaluations.corpus_sync.sync(evaluations.suites.corpus())
    await evaluations.corpus_sync.settled([house.tenant])
    tenant = await service.identity.tenant(house.tenant)
    return tenant, lambda: service.privacy.erasure.erase(tenant, PERSON, "officer", "she asked for it")


async def test_the_result_of_a_case_is_not_stored(house: House, service: State) -> None:
    house.suite(CASES[:1])
    evaluations, asked = counting(replace(service, evaluations=alone(service)))
    tenant, erase = await begun(service, house, evaluations)
    run_trial = asked.run

    async def then_erased(*arguments: Any, **more: Any) -> Any:
        trial = await run_trial(*arguments, **more)
        assert "Marta Holm" in trial.answer.text
        await erase()
        return trial

    asked.run = then_erased  # type: ignore[method-assign]
    run = await evaluations.start("ada", (await draft(service)).id, queued=False)
    with pytest.raises(ErasedMeanwhile):
        await evaluations.execute(run.id)
    assert await stored(service, tenant) == 0
    assert not (await evaluations.find(run.id)).ended


async def test_a_report_is_not_stored(house: House, service: State) -> None:
    """All its results were stored before; those of the person are erased, and a report would bring them back."""
    house.suite(CASES[:1])
    whole = alone(service)
    tenant, erase = await begun(service, house, whole)

    class Erased(Evaluations):
        async def _check_corpus_unchanged(self, *arguments: Any) -> None:
            await super()._check_corpus_unchanged(*arguments)
            assert await stored(service, tenant) == 1
            await erase()

    raced = Erased(**{each.name: getattr(whole, each.name) for each in fields(Evaluations)})
    run = await raced.start("ada", (await draft(service)).id, queued=False)
    with pytest.raises(ErasedMeanwhile):
        await raced.execute(run.id)
    assert await stored(service, tenant) == 0
    ended = await raced.find(run.id)
    assert (ended.report, ended.ended) == (None, False)


async def test_an_erasure_of_another_tenant_refuses_nothing(house: House, service: State, tenant: UUID) -> None:
    house.suite(CASES[:1])
    evaluations, asked = counting(replace(service, evaluations=alone(service)))
    await begun(service, house, evaluations)
    run_trial = asked.run

    async def then_erased(*arguments: Any, **more: Any) -> Any:
        trial = await run_trial(*arguments, **more)
        await service.privacy.erasure.erase(tenant, Selection("tenant", str(tenant)), "officer", "it has left")
        return trial

    asked.run = then_erased  # type: ignore[method-assign]
    run = await evaluations.start("ada", (await draft(service)).id, queued=False)
    assert (await evaluations.execute(run.id)).status == "done"
