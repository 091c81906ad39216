import asyncio
from uuid import uuid4

import pytest

from app.adapters.chat.standin import Fault
from app.idempotency.domain import Claim
from app.idempotency.service import IdempotencyKeys
from app.inference import repository
from tests.clock import leap
from tests.inference.conftest import TOWER, Open, Service
from tests.samples import total

WHO = "Who built the lighthouse of Karlen?"


def keyed(key: str) -> dict[str, dict[str, str]]:
    return {"headers": {"Idempotency-Key": key}}


async def test_a_repeated_request_gets_the_same_bytes_and_is_charged_once(service: Service) -> None:
    before = {each: total("app_idempotency_total", outcome=each) for each in ("claimed", "replayed")}
    first = await service.ask(WHO, **keyed("one"))
    again = await service.ask(WHO, **keyed("one"))
    assert {each: total("app_idempotency_total", outcome=each) - then for each, then in before.items()} == {
        "claimed": 1,
        "replayed": 1,
    }
    assert again.content == first.content
    assert again.status_code == first.status_code == 200
    assert again.headers["idempotency-replayed"] == "true"
    assert len(await service.rows("select 1 from ledger")) == 1
    assert len(service.model.calls) == 1


async def test_another_body_with_the_same_key_is_rejected(service: Service) -> None:
    await service.ask(WHO, **keyed("two"))
    other = await service.ask("How high is it?", **keyed("two"))
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


async def test_an_equivalent_body_is_the_same_request(service: Service) -> None:
    first = await service.ask(WHO, **keyed("spelling"))
    again = await service.ask(WHO, sentences=3, **keyed("spelling"))
    assert again.content == first.content


async def test_a_second_request_while_the_first_is_running_is_a_conflict(service: Service) -> None:
    service.model.faults.append(Fault(hang=100))
    first = asyncio.ensure_future(service.ask(WHO, **keyed("three")))
    await service.asked()
    second = await service.ask(WHO, **keyed("three"))
    assert (second.status_code, second.json()["code"]) == (409, "idempotency_in_flight")
    assert int(second.headers["retry-after"]) >= 1
    await leap(100)
    assert (await first).status_code == 200
    assert (await service.ask(WHO, **keyed("three"))).content == (await first).content


async def test_a_stream_that_broke_off_frees_its_key(service: Service) -> None:
    service.model.faults.append(Fault(pieces=("It was built in 1874 by the engineer Marta Holm [1]. ", "It"), cut=True))
    broken = await service.ask(WHO, stream=True, **keyed("broken"))
    assert "event: problem" in broken.text
    assert "Marta Holm" in broken.text
    again = await service.ask(WHO, stream=True, **keyed("broken"))
    assert (again.status_code, "event: answer" in again.text) == (200, True)


async def test_tenants_and_routes_have_keys_of_their_own(service: Service) -> None:
    first = await service.ask(WHO, **keyed("shared"))
    other = await service.state.identity.ensure_tenant(f"other-{uuid4().hex}")
    key = (await service.state.identity.create_key(other, "k", ["user"])).text
    theirs = await service.ask(WHO, key, **keyed("shared"))
    assert theirs.json()["id"] != first.json()["id"]
    async with service.client() as client:
        body = {"model": "default", "messages": [{"role": "user", "content": WHO}]}
        chat = await client.post("/v1/chat/completions", json=body, headers={"Idempotency-Key": "shared"})
    assert chat.status_code == 200
    assert "idempotency-replayed" not in chat.headers


@pytest.mark.parametrize("key", ["", "x" * 256, "é"])
async def test_an_invalid_key_is_rejected(service: Service, key: str) -> None:
    async with service.client() as client:
        headers = [(b"Idempotency-Key", key.encode())]
        reply = await client.post("/v1/answers", json={"question": WHO}, headers=headers)
    assert (reply.status_code, reply.json()["code"]) == (422, "idempotency_key_invalid")


async def test_nothing_is_stored_for_an_invalid_request(service: Service) -> None:
    for body in ({"question": ""}, {"question": "why " * 2000}, {"question": WHO, "model": "gpt-9"}):
        async with service.client() as client:
            assert (await client.post("/v1/answers", json=body, **keyed("four"))).status_code in (404, 422)
    assert await service.rows("select 1 from idempotency_keys") == []
    assert (await service.ask(WHO, **keyed("four"))).status_code == 200


async def test_an_internal_error_is_repeated_too(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("app.inference.service.generation.refusal_reason", broken)
    first = await service.ask(WHO, **keyed("five"))
    monkeypatch.undo()
    again = await service.ask(WHO, **keyed("five"))
    assert first.status_code == again.status_code == 500
    assert first.content == again.content


async def test_a_request_can_be_retried_after_an_overload(open_service: Open) -> None:
    service = await open_service()
    await service.publish(TOWER)
    service.state.answers._in_progress.count = 10_000
    assert (await service.ask(WHO, **keyed("six"))).status_code == 503
    service.state.answers._in_progress.count = 0
    assert (await service.ask(WHO, **keyed("six"))).status_code == 200


async def test_the_claim_of_a_dead_process_expires(service: Service) -> None:
    idempotency_keys = IdempotencyKeys(service.state.database)
    path, body = "/v1/answers", {"question": WHO}
    caller = await service.state.identity.authenticate(service.key)
    dead = await idempotency_keys.claim(caller, path, "seven", body, 60)
    assert isinstance(dead, Claim)
    await service.rows("update idempotency_keys set claimed_until = now() - interval '1 second' returning 1")
    alive = await idempotency_keys.claim(caller, path, "seven", body, 60)
    assert isinstance(alive, Claim)
    assert alive.id != dead.id


async def test_a_superseded_claim_stores_no_answer_and_its_call_is_charged_once(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = repository.record

    async def late(*arguments: object) -> None:
        await service.rows("update idempotency_keys set claim_id = gen_random_uuid() returning 1")
        await recorded(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(repository, "record", late)
    reply = await service.ask(WHO, **keyed("eight"))
    assert (reply.status_code, reply.json()["code"]) == (409, "idempotency_superseded")
    assert await service.rows("select 1 from answers") == []
    await service.state.answers.delivery.close()
    assert len(service.model.calls) == 1
    [(model, micro_usd)] = await service.rows("select model, micro_usd from ledger")
    assert model == service.model.model
    monkeypatch.undo()
    assert micro_usd == (await service.ask(WHO)).json()["cost_micro_usd"]


async def test_after_a_lost_reply_the_retry_gets_the_same_answer_and_one_charge(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process dies after the commit and before the reply."""
    from app.inference.routes import replies

    def dies(*_: object) -> bytes:
        raise SystemError

    with monkeypatch.context() as patch:
        patch.setattr(replies, "reply_response", dies)
        assert (await service.ask(WHO, **keyed("nine"))).status_code == 500
    again = await service.ask(WHO, **keyed("nine"))
    assert again.status_code == 200
    assert again.headers["idempotency-replayed"] == "true"
    assert await service.rows("select id::text from answers") == [(again.json()["id"],)]
    assert len(await service.rows("select 1 from ledger")) == 1


async def test_keys_expire_after_a_day(service: Service) -> None:
    first = await service.ask(WHO, **keyed("ten"))
    await service.rows("update idempotency_keys set created_at = now() - interval '23 hours' returning 1")
    assert (await service.ask(WHO, **keyed("ten"))).content == first.content
    await service.rows("update idempotency_keys set created_at = now() - interval '25 hours' returning 1")
    assert (await service.ask(WHO, **keyed("ten"))).json()["id"] != first.json()["id"]


async def test_a_repeated_stream_is_the_same_as_the_first(service: Service) -> None:
    async with service.client() as client:
        body = {"question": WHO, "stream": True}
        first = await client.post("/v1/answers", json=body, **keyed("eleven"))
        again = await client.post("/v1/answers", json=body, **keyed("eleven"))
    assert again.text == first.text
    assert again.headers["idempotency-replayed"] == "true"
    assert len(service.model.calls) == 1


@pytest.mark.parametrize("path", ["/v1/answers", "/v1/chat/completions", "/v1/responses"])
@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_that_may_not_be_read_any_more_is_not_repeated(
    service: Service, path: str, stream: bool
) -> None:
    """Its key is no way around the access to the documents that it was made from."""
    question = "Who built the mill of Rauk?"
    document = await service.publish("The mill of Rauk was built by Ida Berg in 1822.", uri="mill.md")
    bodies = {
        "/v1/answers": {"question": question},
        "/v1/chat/completions": {"messages": [{"role": "user", "content": question}]},
        "/v1/responses": {"input": question},
    }
    async with service.client() as client:
        replies = []
        for groups in ([], ["board"]):
            async with service.state.database.transaction(service.tenant) as connection:
                await service.state.retrieval.set_access(connection, service.tenant, document, groups)
            body = {"model": "extractive", **bodies[path], "stream": stream}
            replies.append(await client.post(path, json=body, **keyed("mill")))
    first, again = replies
    assert (first.status_code, again.status_code) == (200, 404)
    assert "Ida Berg" in first.text
    assert "Ida Berg" not in again.text
