"""Webhooks about decisions: sent after the decision, signed, and only to allowed hosts."""

import asyncio
import hashlib
import hmac
import re
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import text
from structlog.testing import capture_logs

from app.adapters.webhooks import HttpWebhookTransport
from app.core.background import background
from app.core.jobs import Worker
from app.inference.domain.human_review import AnswerHeld
from app.inference.service import HeldAnswers
from app.safety.domain.policy import SecurityPolicy
from app.webhooks.domain import WebhookHosts
from app.webhooks.jobs import job_specs
from app.webhooks.service import DELIVERIES
from tests.clock import until
from tests.conftest import ROOT
from tests.inference.conftest import Service, change_serving
from tests.inference.test_held_answers import HOLD, SECRET, WHO, decide
from tests.webhooks.receiver import Message, Receiver

PAGE = ROOT / "docs" / "how-to" / "receive-a-webhook.md"
REPLY_HEAD = b"HTTP/1.1 200 X\r\ncontent-length: 1000000\r\n\r\n"


@pytest_asyncio.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as running:
        yield running


def allow(service: Service, *private: str, hosts: tuple[str, ...] = ()) -> None:
    """Allow these hosts, both when a question is asked and when the message is sent."""
    from app.inference.domain.human_review import ReviewPolicy

    security = SecurityPolicy(owner="tests", webhooks=WebhookHosts(hosts=hosts, private=private))
    policies = service.state.answers.loaded_releases.of(service.state.environments.current()).policies
    changed = replace(policies, loaded={**policies.loaded, "security": security})
    review = ReviewPolicy(owner="tests", overlap=0, rules=[HOLD])  # type: ignore[list-item]
    change_serving(service.state, security=security, policies=changed, review=review)


@pytest_asyncio.fixture
async def holding(quoting: Service, receiver: Receiver) -> Service:
    """Without the jobs that another test left for a later attempt."""
    async with quoting.state.database.transaction(quoting.tenant) as connection:
        await connection.execute(text("delete from procrastinate_jobs where status = 'todo'"))
    allow(quoting, f"http://127.0.0.1:{receiver.port}")
    return quoting


async def work(service: Service) -> None:
    await Worker(service.state.database, service.state.jobs, concurrency=1).run(wait=False)


async def secret_of(service: Service) -> str:
    return await service.state.identity.show_webhook_secret(service.tenant, "test", "tests")


def signed_by(secret: str, message: Message) -> bool:
    """Verifies a signature, namespace from the specification and independent of the service."""
    content = b".".join(
        (message.headers["webhook-id"].encode(), message.headers["webhook-timestamp"].encode(), message.body)
    )
    key = b64decode(secret.split("_", 1)[1])
    expected = b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    return message.headers["webhook-signature"] == "v1," + expected


def count(result: str) -> float:
    return float(DELIVERIES.labels(result)._value.get())


async def hold_and_decide(service: Service, receiver: Receiver, **how: Any) -> str:
    held = (await service.ask(WHO, webhook=receiver.url)).json()
    await decide(service, held["id"], **how)
    await work(service)
    return str(held["id"])


async def jobs(service: Service) -> list[tuple[Any, ...]]:
    return await service.rows(
        "select status::text, attempts, args->>'id' from procrastinate_jobs "
        f"where task_name = 'webhooks.send' and args->>'tenant_id' = '{service.tenant}'"
    )


@pytest.mark.parametrize(("decision", "status"), [("approve", "delivered"), ("reject", "rejected")])
async def test_the_message_has_the_answer_and_its_status_and_no_content(
    holding: Service, receiver: Receiver, decision: Any, status: str
) -> None:
    answer_id = await hold_and_decide(holding, receiver, decision=decision)
    [message] = receiver.messages
    assert message.path == "POST /hook?room=1 HTTP/1.1"
    at = message.payload.pop("timestamp")
    where = f"/v1/answers/{answer_id}"
    assert message.payload == {
        "type": f"answer.{status}",
        "timestamp": at,
        "data": {"id": answer_id, "status": status, "where": where},
    }
    own = {"webhook-id", "webhook-timestamp", "webhook-signature", "content-type", "content-length", "host"}
    assert set(message.headers) == own | {"accept", "connection"}
    assert SECRET not in str(message)
    assert holding.key not in str(message)


async def test_the_signature_follows_the_standard(holding: Service, receiver: Receiver) -> None:
    await hold_and_decide(holding, receiver)
    [message] = receiver.messages
    assert signed_by(await secret_of(holding), message)
    assert not signed_by(
        await secret_of(holding), replace(message, body=message.body.replace(b"delivered", b"rejected"))
    )


async def test_the_example_of_the_handbook_verifies_the_signature(holding: Service, receiver: Receiver) -> None:
    await hold_and_decide(holding, receiver)
    [message], secret = receiver.messages, await secret_of(holding)
    namespace: dict[str, Any] = {}
    [code] = re.findall(r"```python\n(.+?)```", PAGE.read_text(), re.DOTALL)
    exec(code, namespace)  # noqa: S102
    verified = namespace["verified"]
    assert verified(secret, message.headers, message.body)
    assert not verified(secret, message.headers, message.body + b" ")
    late = {**message.headers, "webhook-timestamp": str(int(message.headers["webhook-timestamp"]) - 301)}
    assert not verified(secret, late, message.body)


async def test_an_openai_client_sends_the_address_in_a_header(holding: Service, receiver: Receiver) -> None:
    body = {"model": "default", "messages": [{"role": "user", "content": WHO}]}
    async with holding.client() as client:
        asked = await client.post("/v1/chat/completions", json=body, headers={"X-Webhook": receiver.url})
    answer_id = asked.json()["answer"]["id"]
    await decide(holding, answer_id)
    await work(holding)
    assert [message.payload["data"]["id"] for message in receiver.messages] == [answer_id]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/chat/completions", {"model": "default", "messages": [{"role": "user", "content": WHO}]}),
        ("/v1/responses", {"input": WHO}),
    ],
)
async def test_another_address_is_another_request_for_an_idempotency_key(
    holding: Service, receiver: Receiver, path: str, body: dict[str, Any]
) -> None:
    asked = []
    async with holding.client() as client:
        for address in (receiver.url, f"{receiver.url}/other", receiver.url):
            headers = {"Idempotency-Key": "one", "X-Webhook": address}
            asked.append(await client.post(path, json=body, headers=headers))
    assert [each.status_code for each in asked] == [202, 422, 202]
    assert asked[1].json()["code"] == "idempotency_key_reused"
    assert "idempotency-replayed" in asked[2].headers


async def test_an_expired_review_sends_a_webhook_too(holding: Service, receiver: Receiver) -> None:
    held = (await holding.ask(WHO, webhook=receiver.url)).json()
    await work(holding)
    late = replace(holding.state.reviews, clock=holding.state.clock)
    clock = _Later(holding.state.clock.now() + timedelta(hours=2))
    await replace(late, clock=clock).lifecycle.expire_due()  # type: ignore[arg-type]
    await work(holding)
    assert receiver.messages[0].payload["data"] == {"id": held["id"], "status": "rejected", "where": held["where"]}


class _Later:
    def __init__(self, at: Any) -> None:
        self.at = at

    def now(self) -> Any:
        return self.at


async def test_an_answer_without_review_sends_no_webhook(holding: Service, receiver: Receiver) -> None:
    reply = await holding.ask("How long is the main span of the bridge?", webhook=receiver.url)
    assert reply.status_code == 200
    await work(holding)
    assert receiver.messages == []


async def test_a_decision_that_is_rolled_back_sends_no_webhook(holding: Service, receiver: Receiver) -> None:
    held = (await holding.ask(WHO, webhook=receiver.url)).json()
    with pytest.raises(KeyError):
        async with holding.state.database.transaction(holding.tenant) as connection:
            await HeldAnswers().reject(connection, UUID(held["id"]), holding.state.clock.now())
            raise KeyError
    await work(holding)
    assert receiver.messages == []


async def test_a_rejected_second_decision_sends_no_webhook(holding: Service, receiver: Receiver) -> None:
    answer_id = await hold_and_decide(holding, receiver)
    with pytest.raises(AnswerHeld):
        async with holding.state.database.transaction(holding.tenant) as connection:
            await HeldAnswers().reject(connection, UUID(answer_id), holding.state.clock.now())
    await work(holding)
    assert [message.payload["data"]["status"] for message in receiver.messages] == ["delivered"]


async def refused(service: Service, url: str) -> httpx.Response:
    reply = await service.ask(WHO, webhook=url)
    assert await service.rows("select 1 from answers") == []
    return reply


async def test_by_default_no_host_is_allowed_and_the_error_says_so(quoting: Service, receiver: Receiver) -> None:
    problem = (await refused(quoting, receiver.url)).json()
    assert (problem["status"], problem["code"]) == (422, "webhook_refused")
    assert "names no host" in problem["detail"]
    assert "policies/security.yaml" in problem["action"]


async def test_a_host_that_is_not_listed_is_rejected(holding: Service) -> None:
    assert (await refused(holding, "https://elsewhere.example.com/hook")).json()["code"] == "webhook_refused"


async def test_a_host_removed_from_the_list_gets_no_webhook(holding: Service, receiver: Receiver) -> None:
    held, before = (await holding.ask(WHO, webhook=receiver.url)).json(), count("refused")
    allow(holding, hosts=("hooks.example.com",))
    await decide(holding, held["id"])
    await work(holding)
    assert (receiver.messages, count("refused") - before, await jobs(holding)) == ([], 1, [])


async def test_a_revoked_key_sends_no_webhook(holding: Service, receiver: Receiver) -> None:
    held, before = (await holding.ask(WHO, webhook=receiver.url)).json(), count("key_revoked")
    await holding.state.identity.revoke_key(holding.tenant, holding.key.split("_")[1])
    await decide(holding, held["id"])
    await work(holding)
    assert (receiver.messages, count("key_revoked") - before) == ([], 1)


async def test_an_unavailable_receiver_gets_the_webhook_after_it_recovers(holding: Service, receiver: Receiver) -> None:
    held = (await holding.ask(WHO, webhook=receiver.url)).json()
    await receiver.__aexit__()
    await decide(holding, held["id"])
    await work(holding)
    [(status, attempts, _)] = await jobs(holding)
    assert (status, attempts) == ("todo", 1)
    async with Receiver(receiver.port, statuses=[500]) as back:
        worker = Worker(holding.state.database, job_specs(holding.state.webhooks), concurrency=1)

        async def done() -> bool:
            return len(back.messages) >= 2 and not await jobs(holding)

        async with background(worker.run):
            await until(done)
    first, second = back.messages
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body
    assert signed_by(await secret_of(holding), second)


async def test_a_receiver_that_replies_gone_gets_no_retry(holding: Service, receiver: Receiver) -> None:
    receiver.statuses, before = [410], count("gone")
    await hold_and_decide(holding, receiver)
    assert (len(receiver.messages), count("gone") - before, await jobs(holding)) == (1, 1, [])


@pytest.mark.parametrize("status", [300, 302, 400, 404, 429, 500, 503])
async def test_any_status_but_success_is_retried(holding: Service, receiver: Receiver, status: int) -> None:
    async with Receiver() as elsewhere:
        receiver.statuses, receiver.more = [status], f"location: {elsewhere.url}\r\n"
        await hold_and_decide(holding, receiver)
    [(state, attempts, _)] = await jobs(holding)
    assert (state, attempts, len(receiver.messages), elsewhere.messages) == ("todo", 1, 1, [])


async def test_after_about_a_day_of_retries_a_message_is_given_up_and_counted(holding: Service) -> None:
    [spec] = job_specs(holding.state.webhooks)
    waits = [min(spec.longest_wait, 2**attempt) for attempt in range(spec.attempts - 1)]
    assert 23 * 3600 < sum(waits) < 26 * 3600
    message = {
        "tenant_id": str(holding.tenant),
        **{name: str(UUID(int=7)) for name in ("id", "key_id", "subject_id")},
        "url": "https://hooks.example.com/secret-path",
        "subject": "answer",
        "state": "delivered",
        "where": "/v1/answers/7",
        "at": "2026-01-01T00:00:00+00:00",
    }
    assert spec.dead
    before = count("abandoned")
    with capture_logs() as lines:
        await spec.dead(**message, reason="DeliveryFailed")
    [line] = lines
    assert (line["event"], line["host"], count("abandoned") - before) == (
        "webhooks.delivery_abandoned",
        "hooks.example.com",
        1,
    )
    assert "secret-path" not in str(line)


async def test_an_endless_reply_is_not_read(holding: Service, receiver: Receiver) -> None:
    sent = 0

    async def flood(writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(REPLY_HEAD.replace(b"1000000", b"1000000000"))
        try:
            for _ in range(2000):
                writer.write(b"x" * 65536)
                await writer.drain()
                sent += 65536
        except ConnectionError:
            return

    receiver.handler = flood
    await hold_and_decide(holding, receiver)
    assert await jobs(holding) == []
    assert sent < 50_000_000


async def test_a_silent_receiver_times_out_and_is_retried(holding: Service, receiver: Receiver) -> None:
    async def silent(_: asyncio.StreamWriter) -> None:
        await asyncio.sleep(1000)

    receiver.handler = silent
    impatient = replace(holding.state.webhooks, transport=HttpWebhookTransport(seconds=0.2))
    held = (await holding.ask(WHO, webhook=receiver.url)).json()
    await decide(holding, held["id"])
    await Worker(holding.state.database, job_specs(impatient), concurrency=1).run(wait=False)
    assert [job[:2] for job in await jobs(holding)] == [("todo", 1)]


async def test_each_tenant_has_its_own_secret(holding: Service, receiver: Receiver) -> None:
    identity = holding.state.identity
    other = await identity.ensure_tenant(f"other-{holding.tenant}")
    await identity.create_key(other, "test", ["user"])
    foreign = await identity.show_webhook_secret(other, "test", "tests")
    asker = await identity.authenticate(holding.key)
    assert await identity.webhook_secret(other, asker.key_id) is None
    await hold_and_decide(holding, receiver)
    assert not signed_by(foreign, receiver.messages[0])
