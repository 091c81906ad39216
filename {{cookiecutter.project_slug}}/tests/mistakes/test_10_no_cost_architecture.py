import psycopg
import pytest

from app.core.errors import StartRefused
from app.settings import Settings
from app.wiring import check
from tests.inference.conftest import Service

WHO = "Who built the lighthouse of Karlen?"


async def test_every_answer_has_its_price_in_the_ledger(service: Service) -> None:
    answer = (await service.ask(WHO)).json()
    assert answer["cost_micro_usd"] > 0
    rows = await service.rows("select subject_id::text, micro_usd, output_tokens from ledger")
    assert rows == [(answer["id"], answer["cost_micro_usd"], answer["usage"]["output_tokens"])]


@pytest.mark.parametrize("statement", ["update ledger set micro_usd = 0 returning 1", "delete from ledger returning 1"])
async def test_what_was_spent_cannot_be_unwritten(service: Service, statement: str) -> None:
    await service.ask(WHO)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        await service.rows(statement)


def test_a_model_without_a_price_stops_the_start(settings: Settings) -> None:
    unpriced = {"model": "nobody-sells-this", "base_url": "http://127.0.0.1:8080/v1"}
    with pytest.raises(StartRefused, match="nobody-sells-this"):
        check(Settings(root=settings.root, data_dir=settings.data_dir, model_chain=[unpriced], _env_file=None))


async def test_no_model_is_asked_that_there_is_no_money_for(service: Service) -> None:
    await service.state.costs.budgets.set("tests", service.tenant, "month", 10, "a test needs it")
    answer = (await service.ask(WHO)).json()
    assert (answer["model"], answer["reasons"]) == ("extractive", ["budget: tenant per month used up"])
    assert not service.model.calls
