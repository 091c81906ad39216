"""Answers that are being written while what they are made from is erased."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, get_args
from uuid import UUID, uuid4

import httpx
import pytest
import pytest_asyncio

from app.core.clock import SystemClock
from app.core.embedded import Urls
from app.core.errors import Invalid
from app.core.locks import lock_name
from app.idempotency.service import IdempotencyKeys
from app.identity.domain import NewKey
from app.inference.service import Answers
from app.inference.service.delivery import Delivery
from app.main import create_app
from app.privacy.domain.requests import PrivacyRequest, Selection, Selector
from app.privacy.repository import receipts
from app.privacy.service.steps import Steps
from app.wiring import State
from tests.conftest import override
from tests.privacy.planted import SUBJECT, Garden, dump
from tests.privacy.test_erasure import WHY, ask, upload

QUESTION = "Who is the keeper of the harbour"


@dataclass(frozen=True)
class Wrong(SystemClock):
    """A clock that is an hour ahead, or behind."""

    hours: int

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(hours=self.hours)


@dataclass
class Race:
    """An answer that is written but not stored yet, until `go` is set."""

    garden: Garden
    key: NewKey
    document: UUID
    go: asyncio.Event
    asked: "asyncio.Task[httpx.Response]"

    async def end(self) -> httpx.Response:
        self.go.set()
        return await self.asked

    def selection(self, selector: Selector) -> Selection:
        values = {"document": str(self.document), "key": self.key.prefix, "asker": "racer", "tenant": ""}
        return Selection(selector, {**values, "conversation": "race", "subject": SUBJECT}[selector])


def held(monkeypatch: pytest.MonkeyPatch) -> tuple[asyncio.Event, asyncio.Event]:
    """Set when an answer is written; to be set when it may be stored."""
    reached, go = asyncio.Event(), asyncio.Event()
    deliver = Delivery.deliver

    async def later(self: Delivery, *arguments: Any) -> Any:
        if not go.is_set():
            reached.set()
            await go.wait()
        return await deliver(self, *arguments)

    monkeypatch.setattr(Delivery, "deliver", later)
    return reached, go


@pytest_asyncio.fixture
async def race(
    state: State, database_urls: Urls, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> AsyncIterator[Race]:
    """In a conversation, and repeatable; with the parameter `alone` neither. With a number, the clock of the process
    that answers is that many hours ahead.
    """
    alone = (parameter := getattr(request, "param", "")) == "alone"
    if isinstance(parameter, int):
        override(state.answers.pipeline, clock=Wrong(parameter))
    tenant = await state.identity.ensure_tenant(f"racer-{uuid4().hex}")
    key = await state.identity.create_key(tenant, "racer", ["admin"])
    transport = httpx.ASGITransport(app=create_app(state), raise_app_exceptions=False)
    headers = {"Authorization": f"Bearer {key.text}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://service", headers=headers) as client:
        garden = Garden(state, client, tenant, database_urls.owner, state.settings.root / "evals")
        document = await upload(client, state, f"# Keeper\n\nThe keeper of the harbour is {garden.word('text')}.\n")
        await ask(client, f"{QUESTION}?", conversation="race")
        reached, go = held(monkeypatch)
        body = {"question": f"{QUESTION}, {garden.word('question')}?"} | ({} if alone else {"conversation": "race"})
        repeatable = {} if alone else {"Idempotency-Key": uuid4().hex}
        asked = asyncio.create_task(client.post("/v1/answers", json=body, headers=repeatable))
        await reached.wait()
        yield Race(garden, key, document, go, asked)
        go.set()
        await asked


@pytest.mark.parametrize("selector", get_args(Selector))
async def test_an_answer_that_was_begun_before_an_erasure_is_not_stored_after_it(
    race: Race, state: State, selector: Selector
) -> None:
    garden = race.garden
    request = await state.privacy.erasure.erase(garden.tenant, race.selection(selector), "officer", WHY)
    assert request.state == "done"
    reply = await race.end()
    assert (reply.status_code, reply.json()["code"]) == (409, "erased_meanwhile")
    gone = {"document": "text", "tenant": ""}.get(selector, "question")
    planted = {word for word, store in garden.words.items() if gone in ("", store)}
    assert not garden.found(dump(garden.owner_url)) & planted


async def test_a_request_that_was_refused_for_an_erasure_may_be_repeated(race: Race, state: State) -> None:
    """With the same Idempotency-Key: nothing of the refused one is stored, its refusal neither."""
    await state.privacy.erasure.erase(race.garden.tenant, race.selection("document"), "officer", WHY)
    refused = await race.end()
    assert (refused.status_code, refused.headers["retry-after"]) == (409, "1")
    sent = refused.request
    assert sent.headers["idempotency-key"]
    again = await race.garden.client.send(sent)
    assert (again.status_code, again.json()["status"]) == (200, "refused")


async def test_an_answer_that_has_nothing_of_the_erased_document_is_stored(race: Race, state: State) -> None:
    other = await upload(race.garden.client, state, "# The ferry\n\nIt leaves the pier at six in the evening.\n")
    await state.privacy.erasure.erase(race.garden.tenant, Selection("document", str(other)), "officer", WHY)
    assert (await race.end()).status_code == 200


async def test_who_asks_after_an_erasure_is_answered(race: Race, state: State) -> None:
    await state.privacy.erasure.erase(race.garden.tenant, Selection("subject", SUBJECT), "officer", WHY)
    assert (await race.end()).status_code == 409
    assert (await ask(race.garden.client, f"{QUESTION}?"))["status"] == "refused"


@pytest.mark.parametrize("race", ["alone", "in a conversation"], indirect=True)
async def test_an_answer_that_is_stored_while_its_document_is_erased_is_erased(
    race: Race, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is stored after the step that erases answers, and before the erasure looks for what is left."""
    steps: Callable[[Steps], Any] = Steps.steps.fget  # type: ignore[attr-defined]

    def with_the_answer(self: Steps) -> list[tuple[str, Any]]:
        async def end(*_: object) -> int:
            await race.end()
            return 0

        return [*steps(self), ("race", end)]

    monkeypatch.setattr(Steps, "steps", property(with_the_answer))
    selection = race.selection("document")
    await state.privacy.erasure.erase(race.garden.tenant, selection, "officer", WHY)
    assert race.asked.result().status_code == 200
    assert race.garden.found(dump(race.garden.owner_url)) == set()


async def test_what_is_said_of_an_answer_while_it_is_erased_is_erased(
    race: Race, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A comment that was checked before its answer was erased, and stored after the step that erases comments."""
    garden, steps = race.garden, Steps.steps.fget  # type: ignore[attr-defined]
    answer = UUID((await race.end()).json()["id"])

    async def comment(*_: object) -> int:
        values = (uuid4(), garden.tenant, answer, uuid4(), garden.word("comment"))
        statement = "insert into feedback (id, tenant_id, answer_id, key_id, helpful, comment) values "
        garden.sql(statement + "(%s, %s, %s, %s, true, %s)", *values)
        monkeypatch.undo()
        return 0

    monkeypatch.setattr(Steps, "steps", property(lambda self: [*steps(self), ("race", comment)]))
    await state.privacy.erasure.erase(garden.tenant, race.selection("document"), "officer", WHY)
    assert len(garden.words) == 3
    assert garden.found(dump(garden.owner_url)) == set()


def among(steps: Callable[[Steps], Any], step: Callable[..., Any]) -> property:
    """The steps of an erasure with another one after that of the answers."""

    def all_of(self: Steps) -> list[tuple[str, Any]]:
        before = list(steps(self))
        place = [name for name, _ in before].index("answers") + 1
        return [*before[:place], ("race", step), *before[place:]]

    return property(all_of)


@pytest.mark.parametrize("race", [1, -1], indirect=True)
@pytest.mark.parametrize("hours", [1, -1])
async def test_clocks_that_differ_neither_miss_an_answer_nor_refuse_another(
    race: Race, state: State, hours: int
) -> None:
    """The clock of the process that answers, and of the one that erases."""
    override(state.privacy.erasure, clock=Wrong(hours))
    await state.privacy.erasure.erase(race.garden.tenant, Selection("subject", SUBJECT), "officer", WHY)
    assert (await race.end()).status_code == 409
    assert (await ask(race.garden.client, f"{QUESTION}?"))["status"] == "refused"


async def test_an_erasure_from_before_the_database_clock_was_set_back_refuses_nothing(race: Race, state: State) -> None:
    garden = race.garden
    await race.end()
    await state.privacy.erasure.erase(garden.tenant, Selection("subject", SUBJECT), "officer", WHY)
    later = "update privacy_requests set closed_at = closed_at + interval '1 hour' where tenant_id = %s"
    garden.sql(later, garden.tenant)
    assert (await ask(garden.client, f"{QUESTION}?"))["status"] == "refused"


async def test_answers_do_not_wait_for_an_erasure_that_waits_for_another_process(race: Race, state: State) -> None:
    """One that is in a step of the same erasure, as where a command continues what a worker is at."""
    garden, erasure = race.garden, state.privacy.erasure
    await race.end()
    scope = await erasure.search.scope_of(garden.tenant, race.selection("document"))
    request = await erasure.new_request("erase", garden.tenant, race.selection("document"), scope, "officer", WHY)
    await erasure.receive(request)
    async with state.database.transaction(garden.tenant) as step:
        await lock_name(step, f"erasure {request.id}")
        await receipts.find(step, request.id, lock=True)
        finishing = asyncio.create_task(erasure._finish(request, scope))
        waiting = "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
        while not await state.database.ask(waiting, ()):  # noqa: ASYNC110, it is a row
            await asyncio.sleep(0.01)
        async with asyncio.timeout(60):
            assert (await ask(garden.client, f"{QUESTION}?"))["status"] == "answered"
    assert await finishing is not None


@pytest.mark.parametrize("way", ["erase", "queue", "resume"])
async def test_an_erasure_that_another_process_ends_meanwhile_is_done(
    race: Race, state: State, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where a worker takes what a command has just queued."""
    garden, erasure = race.garden, state.privacy.erasure
    await race.end()
    request, scope_of = (
        await erasure.request(garden.tenant, race.selection("document"), "officer", WHY),
        type(erasure).scope_of,
    )

    async def after_another(self: Any, waiting: PrivacyRequest) -> Any:
        scope = await scope_of(self, waiting)
        monkeypatch.setattr(type(erasure), "scope_of", scope_of)
        await erasure.resume(garden.tenant, waiting.id)
        return scope

    monkeypatch.setattr(type(erasure), "scope_of", after_another)
    if way == "erase":
        done = await erasure.erase(garden.tenant, race.selection("document"), "officer", WHY)
    else:
        done = await getattr(erasure, way)(garden.tenant, request.id)
    assert done.state == "done"


async def test_a_response_that_continues_what_is_erased_meanwhile_is_not_stored(
    race: Race, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is erased once it is read, and before its question is asked."""
    client, read = race.garden.client, Answers.turns_of
    await race.end()
    first = await client.post("/v1/responses", json={"model": "extractive", "input": f"{QUESTION}?"})
    assert first.status_code == 200, first.text

    async def then_erased(self: Answers, *arguments: Any) -> Any:
        turns = await read(self, *arguments)
        assert turns
        await state.privacy.erasure.erase(race.garden.tenant, race.selection("document"), "officer", WHY)
        return turns

    monkeypatch.setattr(Answers, "turns_of", then_erased)
    body = {"model": "extractive", "input": "And where?", "previous_response_id": first.json()["id"]}
    refused = await client.post("/v1/responses", json=body)
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "erased_meanwhile")


async def test_a_problem_with_the_words_of_a_subject_is_not_kept_for_a_repetition(
    race: Race, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was erased while its request was refused; a repetition is worked on anew."""
    await race.end()
    fail = IdempotencyKeys.fail

    async def after_an_erasure(self: IdempotencyKeys, *arguments: Any) -> None:
        monkeypatch.setattr(IdempotencyKeys, "fail", fail)
        await state.privacy.erasure.erase(race.garden.tenant, Selection("subject", SUBJECT), "officer", WHY)
        await fail(self, *arguments)

    monkeypatch.setattr(IdempotencyKeys, "fail", after_an_erasure)
    why = race.garden.word("problem")

    async def refuses(*_: Any) -> None:
        raise Invalid(why)

    monkeypatch.setattr(Delivery, "deliver", refuses)
    key = {"Idempotency-Key": uuid4().hex}
    refused = await race.garden.client.post("/v1/answers", json={"question": f"{QUESTION}?"}, headers=key)
    assert (refused.status_code, refused.json()["detail"]) == (422, why)
    assert race.garden.found(dump(race.garden.owner_url)) == set()
    again = await race.garden.client.send(refused.request)
    assert (again.status_code, "idempotency-replayed" in again.headers) == (422, False)


async def test_an_item_that_was_put_into_review_while_its_answer_was_erased_is_erased(
    race: Race, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was read before, and stored after the step that erases items."""
    garden, steps = race.garden, Steps.steps.fget  # type: ignore[attr-defined]
    answer = UUID((await race.end()).json()["id"])

    async def late(*_: object) -> int:
        payload = garden.word("review_items.payload").encode()
        garden.sql(
            "insert into review_items (id, tenant_id, kind, subject_id, question, rule, timing, risk_tier, payload, "
            "digest, version, state, needed, self_approval, asker, groups, level, note, created_at, due_at, fence, "
            "seen_by) values (%s, %s, 'answer', %s, %s, 'all', 'after', 'medium', %s, %s, 1, 'open', 1, true, 'asker', "
            "'{}', 0, '', now(), now(), 1, '{}')",
            uuid4(), garden.tenant, answer, garden.word("review_items.question"), payload, sha256(payload).hexdigest(),
        )  # fmt: skip
        monkeypatch.undo()
        return 0

    monkeypatch.setattr(Steps, "steps", among(steps, late))
    await state.privacy.erasure.erase(garden.tenant, race.selection("document"), "officer", WHY)
    assert len(garden.words) == 4
    assert garden.found(dump(garden.owner_url)) == set()


async def test_a_case_that_was_made_of_an_answer_while_it_was_erased_is_removed(
    race: Race, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    garden, steps = race.garden, Steps.steps.fget  # type: ignore[attr-defined]
    answer = UUID((await race.end()).json()["id"])

    async def accept(*_: object) -> int:
        garden.suite_case(f"failure-{answer.hex[-12:]}", f"Who is {garden.word('evals')}?")
        return 0

    monkeypatch.setattr(Steps, "steps", among(steps, accept))
    await state.privacy.erasure.erase(garden.tenant, race.selection("document"), "officer", WHY)
    assert len(garden.words) == 3
    assert garden.found((garden.evals / "golden.jsonl").read_bytes()) == set()
