"""What a legal hold is on stays, whichever way it would be erased: by a request for anything, or by its age."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest
import pytest_asyncio

from app.core.clock import ManualClock
from app.core.embedded import Urls
from app.core.retention import RetentionRules
from app.main import create_app
from app.privacy.domain.requests import HoldKind, Selection, Selector
from app.privacy.service import Privacy
from app.wiring import State
from tests.conftest import override
from tests.privacy.test_erasure import WHY, ask, upload

WEEK = RetentionRules(answers=7, deleted_documents=7, quarantined_files=7, tickets=7)
QUESTION = "Who keeps the kiln of Rauk?"


@dataclass
class Kept:
    """A document, and an answer from it to somebody with a key of their own."""

    document: UUID
    answer: UUID
    key: UUID
    tenant: UUID
    selections: dict[Selector, str]

    def subject_of(self, kind: HoldKind) -> UUID:
        return {"document": self.document, "answer": self.answer, "key": self.key, "tenant": self.tenant}[kind]


@pytest_asyncio.fixture
async def kept(state: State, tenant: UUID, client: httpx.AsyncClient) -> Kept:
    word = f"quern{uuid4().hex[:8]}"
    document = await upload(client, state, f"# Kiln\n\nThe kiln of Rauk is kept by the miller {word}.\n")
    made = await state.identity.create_key(tenant, f"asker-{word}", ["user"])
    headers = {"Authorization": f"Bearer {made.text}"}
    transport = httpx.ASGITransport(app=create_app(state))
    async with httpx.AsyncClient(transport=transport, base_url="http://service", headers=headers) as asker:
        answer = await ask(asker, QUESTION)
    assert word in answer["text"]
    [key] = [each.id for each in await state.identity.list_keys(tenant) if each.prefix == made.prefix]
    selections: dict[Selector, str] = {
        "subject": word,
        "document": str(document),
        "asker": f"asker-{word}",
        "key": made.prefix,
        "tenant": str(tenant),
    }
    return Kept(document, UUID(answer["id"]), key, tenant, selections)


def question_of(urls: Urls, kept: Kept) -> Any:
    with psycopg.connect(urls.owner) as connection:
        return connection.execute("select question from answers where id = %s", (kept.answer,)).fetchone()


OF_ANSWERS: tuple[Selector, ...] = ("asker", "key")
"""What erases answers and leaves the documents that they come from."""
SELECTORS: tuple[Selector, ...] = ("subject", "document", "asker", "key", "tenant")
PLACES: tuple[HoldKind, ...] = ("answer", "key", "document", "tenant")


@pytest.mark.parametrize(
    ("on", "selector"),
    [(on, each) for on in PLACES for each in SELECTORS if on != "document" or each not in OF_ANSWERS],
)
async def test_no_request_erases_what_a_hold_is_on(
    privacy: Privacy, kept: Kept, database_urls: Urls, on: HoldKind, selector: Selector
) -> None:
    hold = await privacy.holds.place(kept.tenant, on, kept.subject_of(on), "officer", "proceeding 4711")
    selection = Selection(selector, kept.selections[selector])
    blocked = await privacy.erasure.erase(kept.tenant, selection, "officer", WHY)
    assert (blocked.state, blocked.counters) == ("blocked", {})
    assert question_of(database_urls, kept) == (QUESTION,)
    await privacy.holds.lift(kept.tenant, hold.id, "officer", "it is over")
    assert (await privacy.erasure.resume(kept.tenant, blocked.id)).state == "done"
    assert question_of(database_urls, kept) != (QUESTION,)


@pytest_asyncio.fixture
async def in_a_week(privacy: Privacy) -> AsyncIterator[None]:
    """Everything that may go after a week is older than that."""
    clock, rules = privacy.retention.clock, privacy.retention.rules
    override(privacy.retention, clock=ManualClock(datetime.now(UTC) + timedelta(days=8)), rules=WEEK)
    yield
    override(privacy.retention, clock=clock, rules=rules)


@pytest.mark.usefixtures("in_a_week")
@pytest.mark.parametrize(
    ("kind", "on"),
    [
        ("answers", "answer"),
        ("answers", "key"),
        ("answers", "tenant"),
        ("deleted_documents", "document"),
        ("deleted_documents", "tenant"),
        ("quarantined_files", "document"),
        ("quarantined_files", "tenant"),
        ("tickets", "tenant"),
    ],
)
async def test_nothing_that_a_hold_is_on_goes_by_its_age(
    privacy: Privacy, kept: Kept, client: httpx.AsyncClient, database_urls: Urls, state: State, kind: str, on: HoldKind
) -> None:
    subject = kept.subject_of(on)
    if kind == "deleted_documents":
        await client.delete(f"/v1/documents/{kept.document}")
    elif kind == "quarantined_files":
        files = {"files": (f"caf-{uuid4().hex}.md", b"# Cafe\n\nThe caf\xe9 of the harbour is open.\n")}
        await client.post("/v1/documents", files=files, data={"metadata": "{}"})
        await upload(client, state, f"# Pier\n\nThe pier of {uuid4().hex} is long and made of oak.\n")
        [entry] = (await client.get("/v1/quarantine")).json()["items"]
        subject = UUID(entry["document_id"]) if on == "document" else subject
    elif kind == "tickets":
        await client.post("/v1/tickets", json={"title": "The pump", "text": "It leaks."})
        with psycopg.connect(database_urls.owner) as connection:
            connection.execute("update tickets set status = 'closed' where tenant_id = %s", (kept.tenant,))
    hold = await privacy.holds.place(kept.tenant, on, subject, "officer", "proceeding 4711")
    assert kind not in await privacy.retention.expire(kept.tenant)
    await privacy.holds.lift(kept.tenant, hold.id, "officer", "it is over")
    assert (await privacy.retention.expire(kept.tenant)).get(kind) == 1


@pytest.mark.usefixtures("in_a_week")
async def test_what_a_held_answer_was_made_of_does_not_go_by_its_age_either(
    privacy: Privacy, kept: Kept, client: httpx.AsyncClient, database_urls: Urls
) -> None:
    """No hold is on the document itself: what would be erased with it is found when it would be."""
    override(privacy.retention, rules=RetentionRules(deleted_documents=7))
    hold = await privacy.holds.place(kept.tenant, "answer", kept.answer, "officer", "proceeding 4711")
    await client.delete(f"/v1/documents/{kept.document}")
    assert await privacy.retention.expire(kept.tenant) == {}
    assert question_of(database_urls, kept) == (QUESTION,)
    await privacy.holds.lift(kept.tenant, hold.id, "officer", "it is over")
    assert await privacy.retention.expire(kept.tenant) == {"deleted_documents": 1}


@pytest.mark.usefixtures("in_a_week")
async def test_what_is_held_is_in_the_way_of_nothing_that_goes(
    privacy: Privacy, kept: Kept, client: httpx.AsyncClient, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch is not filled with what is held, again and again."""
    monkeypatch.setattr("app.privacy.service.retention.BATCH", 1)
    override(privacy.retention, rules=RetentionRules(deleted_documents=7))
    other = await upload(client, state, f"# Pier\n\nThe pier of {uuid4().hex} is long and made of oak.\n")
    await privacy.holds.place(kept.tenant, "document", kept.document, "officer", "proceeding 4711")
    for each in (kept.document, other):
        await client.delete(f"/v1/documents/{each}")
    assert await privacy.retention.expire(kept.tenant) == {"deleted_documents": 1}
