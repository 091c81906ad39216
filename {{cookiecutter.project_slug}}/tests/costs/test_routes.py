from datetime import timedelta
from uuid import UUID

import httpx
import pytest

from app.costs.domain import Usage
from app.identity.domain import KeyTerms
from app.wiring import State
from tests.costs.ledger import charged


async def test_costs_are_reported_by_day_feature_model_and_release(
    client: httpx.AsyncClient, state: State, tenant: UUID
) -> None:
    async with state.database.transaction(tenant) as connection:
        await charged(state.costs, connection, tenant, "answer", "extractive", Usage(120, 0, 30), release_id="r" * 64)
    shown = (await client.get("/v1/costs")).json()
    assert shown["total"] | {"calls": 1, "input_tokens": 120, "usd": "0.000000"} == shown["total"]
    assert [each["key"] for each in shown["by_feature"]] == ["answer"]
    assert [each["key"] for each in shown["by_model"]] == ["extractive"]
    assert [each["key"] for each in shown["by_release"]] == ["r" * 64]
    assert len(shown["by_day"]) == 1
    assert shown["monthly_budget_usd"] == f"{state.costs.policy.monthly_budget_usd:f}"


async def test_days_outside_the_question_are_left_out(client: httpx.AsyncClient, state: State, tenant: UUID) -> None:
    async with state.database.transaction(tenant) as connection:
        await charged(state.costs, connection, tenant, "search", "extractive", Usage(1))
    yesterday = (state.clock.now() - timedelta(days=1)).date()
    shown = (await client.get("/v1/costs", params={"until": str(yesterday)})).json()
    assert shown["total"]["calls"] == 0


@pytest.mark.parametrize("day", ["yesterday", "0001-01-01", "9999-12-31", "2026-02-30"])
async def test_a_day_that_cannot_be_meant_is_refused(client: httpx.AsyncClient, day: str) -> None:
    response = await client.get("/v1/costs", params={"until": day})
    assert (response.status_code, response.json()["code"]) == (422, "invalid")


async def test_a_plain_user_may_not_look_at_costs(client: httpx.AsyncClient, state: State, tenant: UUID) -> None:
    key = (await state.identity.create_key(tenant, "plain", ["user"])).text
    response = await client.get("/v1/costs", headers={"Authorization": f"Bearer {key}"})
    assert response.status_code == 403


async def test_costs_are_reported_by_key_and_by_the_person_behind_several_keys(
    client: httpx.AsyncClient, state: State, tenant: UUID
) -> None:
    terms = KeyTerms(person="Ana")
    made = [await state.identity.create_key(tenant, name, ["user"], terms=terms) for name in ("laptop", "phone")]
    keys = {key.prefix: key.id for key in await state.identity.list_keys(tenant)}
    async with state.database.transaction(tenant) as connection:
        for key, tokens in zip(made, (100, 20), strict=True):
            usage = Usage(tokens)
            await charged(state.costs, connection, tenant, "answer", "extractive", usage, key_id=keys[key.prefix])
        await charged(state.costs, connection, tenant, "embedding_document", "extractive", Usage(3))
    shown = (await client.get("/v1/costs")).json()
    by_key = {each["key"]: (each["name"], each["input_tokens"]) for each in shown["by_key"]}
    assert by_key == {
        str(keys[made[0].prefix]): ("laptop", 100),
        str(keys[made[1].prefix]): ("phone", 20),
        "": ("", 3),
    }
    assert {each["key"]: (each["calls"], each["input_tokens"]) for each in shown["by_person"]} == {
        "ana": (2, 120),
        "": (1, 3),
    }
    lines = (await client.get("/v1/costs.csv")).text.splitlines()
    assert any(line.startswith("person,ana,2,120") for line in lines)
