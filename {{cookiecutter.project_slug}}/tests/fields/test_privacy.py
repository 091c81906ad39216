"""Each value of policies/privacy.yaml decides what becomes of personal data, and when content is erased."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from io import StringIO
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from rich.console import Console

from app.adapters.chat.standin import Fault
from app.cli import common, evals
from app.core.clock import ManualClock
from app.identity.domain import Principal
from app.review.domain.items import ReviewItem, SubmittedDecision
from benchmarks.harness import work_off
from tests.fields.test_review import item, reviewer
from tests.fields.values import WHO, Bench, Running, Value, ids, nested

Probe = Callable[[Running], Awaitable[Any]]
MAIL, PHONE, IBAN = "jane@acme.example", "+49 30 2312 5414", "DE89370400440532013000"
CLASSES = ("public", "internal", "confidential")
ELSEWHERE = "0.0.0.0"  # noqa: S104, nothing binds to it: a connection to it ends here, and it is not this machine by name


def as_class(data: str) -> dict[str, Any]:
    return {"ownership": {"data_sensitivity": data}, "security": {"confidential_hosts": [ELSEWHERE]}}


def treatment(place: str, one: str, kept: str, data: str) -> Any:
    """All of a block, in which one data class has another treatment than the rest."""
    return {**dict.fromkeys(CLASSES, kept), data: one}


async def kinds_found(service: Running) -> list[str]:
    reply = await service.ask(f"{WHO} I am {MAIL}, {PHONE}, {IBAN}.")
    found = [each["rule"].rpartition(".")[2] for each in reply["findings"]]
    return sorted(each for each in found if each in ("email", "phone", "iban"))


async def social_security_number(service: Running) -> list[str]:
    reply = await service.ask(f"{WHO} My social security number is 536-90-4399.")
    return [each["rule"].rpartition(".")[2] for each in reply["findings"]]


async def question(service: Running) -> str:
    reply = await service.ask(f"{WHO} I am {MAIL}.")
    return str(reply.get("code") or reply["status"])


async def document(service: Running) -> str:
    async def probe(there: Running) -> str:
        return str((await there.upload(f"The keeper {uuid4().hex} is reached at {MAIL} on every day."))["status"])

    return str(await service.elsewhere(probe))


async def sent_to_the_model(service: Running) -> bool:
    """Whether the address itself is in the prompt."""
    await service.ask(f"{WHO} I am {MAIL}.")
    return MAIL in str(service.model.calls[-1].body["messages"])


async def answer(service: Running) -> bool:
    """Whether the address is in the answer."""
    service.model.always = Fault(pieces=(f"It was built in 1874 by the engineer Marta Holm [1]. Write to {MAIL}.",))
    return MAIL in (await service.ask(f"{WHO} I am {MAIL}."))["text"]


FLAGGED = {"privacy": {"personal_data": {"questions": "flag"}}}
PLACES: list[tuple[str, str, str, Probe, Any, Any]] = [
    ("questions", "refuse", "keep", question, "answered", "question_refused"),
    ("documents", "quarantine", "keep", document, "published", "quarantined"),
    ("answers", "mask", "keep", answer, True, False),
]


def by_class(place: str, one: str, kept: str, probe: Probe, without: Any, with_it: Any) -> list[Value]:
    """For each data class: what its treatment does, where the other two have another one."""
    made = []
    for data in CLASSES:
        others = nested(f"privacy.personal_data.{place}", dict.fromkeys(CLASSES, kept))
        field = f"privacy.personal_data.{place}.{data}"
        made.append(Value(field, one, probe, without, with_it, {**as_class(data), **others}, host=host_of(place)))
    return made


def host_of(place: str) -> str:
    return ELSEWHERE if place == "prompts" else "127.0.0.1"


def days_later(kind: str, make: Callable[[Running], Awaitable[Any]]) -> Probe:
    """Whether what is made now is erased after eight days."""

    async def probe(service: Running) -> bool:
        await service.elsewhere(lambda there: made(there))
        return found[-1]

    found: list[bool] = []

    async def made(there: Running) -> None:
        await make(there)
        later = ManualClock(there.state.clock.now() + timedelta(days=8))
        retention = replace(there.state.privacy.retention, clock=later)
        found.append(kind in await retention.expire(there.tenant))

    return probe


async def waits_in_quarantine(service: Running) -> None:
    assert (await service.upload("x"))["status"] == "quarantined"


async def is_deleted(service: Running) -> None:
    document = await service.upload(f"The keeper {uuid4().hex} lights the lamp at dusk.")
    assert (await service.client.delete(f"/v1/documents/{document['id']}")).status_code in (200, 202, 204)
    await work_off(service.state)


def sql(statement: str) -> Callable[[Running], Awaitable[None]]:
    """Rows that a service makes only with much ado, for the tenant."""

    async def make(service: Running) -> None:
        with psycopg.connect(service.state.urls.owner) as connection:
            connection.execute(statement.replace("TENANT", f"'{service.tenant}'").encode())

    return make


TICKET = (
    "insert into tickets (id, tenant_id, number, title, text, status, created_at, created_by) "
    "values (gen_random_uuid(), TENANT, 7, 'Printer', 'It prints grey.', 'closed', now(), 'ada')"
)
RESULT = (
    "insert into evaluation_results (tenant_id, release_id, case_digest, corpus_version, observed, at) "
    "select TENANT, id, repeat('1', 64), 1, '{}', now() from releases limit 1"
)
JOB = (
    "with job as (insert into procrastinate_jobs (queue_name, task_name, args, status) "
    "values ('q', 'test.none', jsonb_build_object('tenant_id', TENANT), 'failed') returning id) "
    "insert into procrastinate_events (job_id, type, at) select id, 'failed', now() from job"
)
VALUES = [
    Value("privacy.personal_data.kinds", ["iban"], kinds_found, ["email", "iban", "phone"], ["iban"], FLAGGED),
    Value("privacy.personal_data.countries", ["DE"], social_security_number, ["national_id"], [], FLAGGED),
    Value("privacy.personal_data.inside_hosts", [ELSEWHERE], sent_to_the_model, False, True, host=ELSEWHERE),
    *(value for each in PLACES for value in by_class(*each)),
    *by_class("prompts", "keep", "pseudonymise", sent_to_the_model, False, True),
    Value("privacy.retention.answers", 7, days_later("answers", lambda s: s.ask()), False, True),
    Value("privacy.retention.quarantined_files", 7, days_later("quarantined_files", waits_in_quarantine), False, True),
    Value("privacy.retention.tickets", 7, days_later("tickets", sql(TICKET)), False, True),
    Value("privacy.retention.evaluation_results", 7, days_later("evaluation_results", sql(RESULT)), False, True),
    Value("privacy.retention.failed_jobs", 7, days_later("failed_jobs", sql(JOB)), False, True),
    Value("privacy.retention.deleted_documents", 7, days_later("deleted_documents", is_deleted), False, True),
]


@pytest.mark.parametrize("value", VALUES, ids=ids(VALUES))
async def test_a_value_decides_about_personal_data(bench: Bench, value: Value) -> None:
    assert await bench.found(value) == (value.without, value.with_it)


async def edited(service: Running) -> tuple[ReviewItem, Principal]:
    """An answer to a question with an address, which a reviewer edited."""
    found = await item(service, question=f"{WHO} I am {MAIL}.")
    who = await reviewer(service)
    claimed = await service.state.reviews.queue.claim(who, found.id)
    text = "It was built in 1874 by the engineer Marta Holm [1]."
    said = SubmittedDecision("edit", "as I see it", claimed.fence, claimed.version, claimed.digest, text)
    await service.state.reviews.decisions.decide(who, found.id, said)
    return found, await reviewer(service, "owner", "admin")


async def case_has_the_address(service: Running) -> bool:
    found, owner = await edited(service)
    candidates = await service.state.reviews.golden_suite.candidates(owner)
    case = next(each.case for each in candidates if each.item.id == found.id)
    return MAIL in service.state.reviews.golden_suite._protected(case).question


async def list_has_the_address(service: Running) -> bool:
    """That `app evals candidates` prints."""
    await edited(service)
    printed = StringIO()
    with pytest.MonkeyPatch.context() as patch:
        loop = asyncio.get_running_loop()

        def here(work: Callable[[Any], Awaitable[Any]]) -> Any:
            return asyncio.run_coroutine_threadsafe(work(service.state), loop).result()  # type: ignore[arg-type]

        patch.setattr(common, "with_state", here)
        patch.setattr(evals, "out", Console(file=printed, width=400))
        await asyncio.to_thread(evals.candidates, "of-the-bench")
    return MAIL in printed.getvalue()


HELD: Any = {"review": {"overlap": 0, "rules": [{"name": "all", "send": "before", "due_minutes": 60}]}}
COPIES = [
    Value("privacy.personal_data.evaluation_sets", "keep", case_has_the_address, False, True, HELD),
    Value("privacy.personal_data.exports", "keep", list_has_the_address, False, True, HELD),
]


@pytest.mark.parametrize("value", COPIES, ids=ids(COPIES))
async def test_a_value_decides_about_copies(bench: Bench, value: Value) -> None:
    assert await bench.found(value) == (value.without, value.with_it)
