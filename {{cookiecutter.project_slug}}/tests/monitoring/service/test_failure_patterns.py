"""From stored answers to patterns, examples and evaluation cases, over HTTP, the worker's sweep and erasure."""

import shutil
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest
import pytest_asyncio
from sqlalchemy import text

from app.core.clock import ManualClock
from app.core.embedded import Urls
from app.evaluation.service import SuiteFiles
from app.identity.domain import Principal
from app.inference.domain.answer_record import AnswerRecord
from app.inference.service import AnswerRecords
from app.monitoring.domain.failures.case_candidate import (
    Expectation,
    ExpectationUnusable,
    FailureCandidateNotFound,
    NothingToPropose,
)
from app.monitoring.service import FailureAnalysis, FailureCases, MonitoringUpkeep, ScheduledCheck
from app.wiring import State
from tests.conftest import ROOT
from tests.governance.test_audit_lines import actions
from tests.monitoring.traffic import Traffic
from tests.review.conftest import publish
from tests.samples import total

LEAVE = [f"How long is the parental leave {what}?" for what in ("here", "in year two", "for twins", "abroad", "now")]
SECRET = "Kx81-QzLp#hunter7"
VPN = [f"Why does the VPN client {what}?" for what in ("drop", "hang", "fail", "reconnect", "stop")]


@pytest.fixture
def failures(state: State, clock: ManualClock) -> FailureAnalysis:
    return replace(state.monitoring.failures, clock=clock)


@pytest.fixture
def cases(state: State, clock: ManualClock, failures: FailureAnalysis, tmp_path: Path) -> FailureCases:
    shutil.copytree(ROOT / "evals", tmp_path / "evals")
    return replace(state.monitoring.cases, clock=clock, analysis=failures, suites=SuiteFiles(tmp_path / "evals"))


@pytest_asyncio.fixture
async def found(traffic: Traffic, failures: FailureAnalysis) -> AsyncIterator[dict[str, UUID]]:
    """Two patterns among good answers; the refusals come from a closed document. The id of each by its reason."""
    closed = await publish(traffic.state, traffic.tenant, ("board",))
    for question in LEAVE:
        await traffic.refuse(question, documents=(closed,), ago=timedelta(hours=2))
    for question in VPN:
        await traffic.answer(question, degraded=True, reasons=("gpt: truncated",), ago=timedelta(hours=1))
        await traffic.answer(f"Fine: {question}", ago=timedelta(hours=1))
    embedded = total("app_questions_embedded_total", result="embedded")
    await failures.run(traffic.tenant)
    assert total("app_questions_embedded_total", result="embedded") == embedded + len([*LEAVE, *VPN, *VPN])
    shown = (await failures.page(person(traffic.tenant), None, 20)).patterns
    assert total("app_failure_patterns") == len(shown)
    yield {each.stored.pattern.signature.reason: each.stored.id for each in shown}


def person(tenant: UUID, *groups: str) -> Principal:
    return Principal(tenant, uuid4(), "ops", frozenset({"operator"}), frozenset(groups))


async def rows(state: State, tenant: UUID, table: str) -> int:
    async with state.database.read(tenant) as connection:
        return int((await connection.execute(text(f"select count(*) from {table}"))).scalar_one())


async def test_terms_and_examples_show_what_the_reader_may_read(
    found: dict[str, UUID], failures: FailureAnalysis, tenant: UUID
) -> None:
    outside = {each.stored.id: each for each in (await failures.page(person(tenant), None, 20)).patterns}
    inside = {each.stored.id: each for each in (await failures.page(person(tenant, "board"), None, 20)).patterns}
    closed, opened = found["off_topic"], found["truncated"]
    assert (outside[closed].terms, outside[closed].examples) == ((), ())
    assert outside[closed].stored.pattern.failures == 5
    assert {"parental", "leave"} & set(" ".join(inside[closed].terms).split())
    assert inside[closed].examples[0].question in LEAVE
    assert "vpn" in " ".join(outside[opened].terms)


async def test_the_first_page_ends_where_the_second_begins(
    found: dict[str, UUID], failures: FailureAnalysis, tenant: UUID
) -> None:
    (first,) = (await failures.page(person(tenant), None, 1)).patterns
    (second,) = (await failures.page(person(tenant), first.stored.id, 1)).patterns
    assert (first.stored.rank, second.stored.rank) == (1, 2)
    assert (await failures.page(person(tenant), second.stored.id, 1)).patterns == []


async def test_a_run_that_finds_none_takes_the_place_of_the_one_before(
    found: dict[str, UUID], failures: FailureAnalysis, tenant: UUID, clock: ManualClock
) -> None:
    before = await failures.page(person(tenant), None, 20)
    assert before.looked_at == before.patterns[0].stored.found_at == clock.now()
    clock.advance(timedelta(days=8).total_seconds())
    await failures.run(tenant)
    page = await failures.page(person(tenant), None, 20)
    assert (page.looked_at, page.patterns) == (clock.now(), [])


async def test_what_grew_is_compared_with_the_window_before(
    traffic: Traffic, failures: FailureAnalysis, clock: ManualClock
) -> None:
    for question in LEAVE:
        await traffic.refuse(question, ago=timedelta(days=10))
        await traffic.refuse(question, ago=timedelta(days=1))
    await traffic.fail("stream_ended", ago=timedelta(hours=1))
    patterns = {each.signature.reason: each for each in await failures.run(traffic.tenant)}
    assert (patterns["off_topic"].failures, patterns["off_topic"].before) == (5, 5)
    assert (patterns["stream_ended"].failures, patterns["stream_ended"].answers) == (1, ())


async def test_vectors_are_stored_once_and_go_with_their_questions(
    found: dict[str, UUID], state: State, tenant: UUID, failures: FailureAnalysis, clock: ManualClock
) -> None:
    assert await rows(state, tenant, "question_vectors") == 15
    await failures.run(tenant)
    assert await rows(state, tenant, "question_vectors") == 15
    later = ManualClock(at=clock.at + timedelta(days=366))
    await replace(state.privacy.upkeep.retention, clock=later).expire(tenant)
    assert await rows(state, tenant, "question_vectors") == 0
    shown = {each.stored.id: each for each in (await failures.page(person(tenant, "board"), None, 20)).patterns}
    assert (shown[found["off_topic"]].terms, shown[found["off_topic"]].examples) == ((), ())


async def test_a_question_that_is_erased_meanwhile_gets_no_vector(
    traffic: Traffic, state: State, tenant: UUID, failures: FailureAnalysis, clock: ManualClock
) -> None:
    await traffic.refuse(LEAVE[0])
    records = await failures.records.failures(tenant, clock.now() - timedelta(days=1), clock.now() + timedelta(1), 10)
    async with state.database.transaction(tenant) as connection:
        await connection.execute(text("update answers set question = ''"))
    assert await failures.vectors.of(tenant, records) == {}
    assert await rows(state, tenant, "question_vectors") == 0


async def test_a_pattern_becomes_cases(found: dict[str, UUID], cases: FailureCases, tenant: UUID, state: State) -> None:
    reader = person(tenant, "board")
    with pytest.raises(NothingToPropose):
        await cases.propose(person(tenant), found["off_topic"], 2, "they ask for it")
    proposed = await cases.propose(reader, found["off_topic"], 2, "they ask for it")
    assert {each.question for each in proposed} <= set(LEAVE)
    assert [each.candidate.reason for each in proposed] == ["off_topic", "off_topic"]
    assert (await actions(state, tenant))[-1] == ("evals.propose", reader.name)
    assert (await cases.candidates(person(tenant), None, 10))[0] == []
    listed, _ = await cases.candidates(reader, None, 10)
    assert {each.candidate.answer_id for each in listed} == {each.candidate.answer_id for each in proposed}
    answer = proposed[0].candidate.answer_id
    with pytest.raises(ExpectationUnusable):
        await cases.accept(reader, answer, Expectation())
    with pytest.raises(FailureCandidateNotFound):
        await cases.accept(person(tenant), answer, Expectation(refuse=True))
    case = await cases.accept(reader, answer, Expectation("Twelve weeks.", ("leave.md",)))
    stored = {each.id: each for each in cases.suites.load("golden").cases}[case.id]
    assert (stored.question, stored.answer, stored.slices) == (proposed[0].question, "Twelve weeks.", ("failures",))
    assert len((await cases.candidates(reader, None, 10))[0]) == 1
    assert (await actions(state, tenant))[-1] == ("evals.accept", reader.name)


async def test_a_question_that_is_erased_meanwhile_is_not_proposed(
    found: dict[str, UUID], cases: FailureCases, tenant: UUID, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    readable = AnswerRecords.readable

    async def read_and_erased(*arguments: Any) -> Sequence[AnswerRecord]:
        read = await readable(*arguments)
        async with state.database.transaction(tenant) as connection:
            await connection.execute(text("update answers set question = ''"))
        return read

    monkeypatch.setattr(AnswerRecords, "readable", read_and_erased)
    assert await cases.propose(person(tenant), found["truncated"], 2, "they ask for it") == []
    assert await rows(state, tenant, "case_candidates") == 0


async def test_a_secret_in_a_question_is_shown_to_nobody_who_reads_patterns_or_candidates(
    traffic: Traffic, failures: FailureAnalysis, cases: FailureCases, tenant: UUID
) -> None:
    for question in LEAVE:
        await traffic.refuse(f"{question} My password: {SECRET}", ago=timedelta(hours=1))
    await failures.run(tenant)
    [pattern] = (await failures.page(person(tenant), None, 20)).patterns
    proposed = await cases.propose(person(tenant), pattern.stored.id, 2, "they ask for it")
    listed, _ = await cases.candidates(person(tenant), None, 10)
    assert (len(proposed), len(listed), len(pattern.examples)) == (2, 2, 3)
    assert SECRET not in str((pattern.terms, pattern.examples, proposed, listed))


async def test_a_question_that_is_erased_while_it_is_accepted_becomes_no_case(
    found: dict[str, UUID], cases: FailureCases, tenant: UUID, database_urls: Urls
) -> None:
    reader = person(tenant, "board")
    proposed = await cases.propose(reader, found["off_topic"], 1, "they ask for it")
    answer, before = proposed[0].candidate.answer_id, cases.suites.load("golden")

    def then_erased(text: str) -> str:
        with psycopg.connect(database_urls.owner) as owner:
            owner.execute("update answers set question = '' where id = %s", (answer,))
        return text

    rules = SimpleNamespace(evaluation_sets="mask", mask=then_erased)
    with pytest.raises(FailureCandidateNotFound):
        await replace(cases, personal_data=rules).accept(reader, answer, Expectation(refuse=True))
    assert cases.suites.load("golden") == before


async def test_over_http(found: dict[str, UUID], client: httpx.AsyncClient) -> None:
    page = (await client.get("/v1/monitoring/failure-patterns", params={"limit": 1})).json()
    assert page["items"][0]["responsible"] in ("documents", "model")
    again = await client.get("/v1/monitoring/failure-patterns", params={"after": page["next"]})
    assert [each["rank"] for each in again.json()["items"]] == [2]
    path = f"/v1/monitoring/failure-patterns/{found['truncated']}/cases"
    made = await client.post(path, json={"count": 2, "reason": "they ask for it"})
    assert [each["reason"] for each in made.json()["items"]] == ["truncated", "truncated"]
    assert len((await client.get("/v1/monitoring/case-candidates")).json()["items"]) == 2
    assert (await client.post(path, json={"reason": "x"})).json()["code"] == "reason_required"
    missing = await client.get("/v1/monitoring/failure-patterns", params={"after": str(uuid4())})
    assert (missing.status_code, missing.json()["code"]) == (404, "failure_pattern_not_found")


async def test_the_worker_runs_each_check_once_when_it_is_due(state: State, tenant: UUID, clock: ManualClock) -> None:
    ran: list[UUID] = []

    async def check(each: UUID) -> None:
        ran.append(each)
        if len(ran) == 1:
            raise RuntimeError("a bug")

    async def tenants() -> list[UUID]:
        return [tenant]

    checks = (ScheduledCheck("failures", timedelta(hours=6), check),)
    one, other = [MonitoringUpkeep(state.database, clock, tenants, checks) for _ in range(2)]
    before = {each: total("app_monitoring_checks_total", kind="failures", result=each) for each in ("failed", "done")}
    await one.sweep()
    await other.sweep()
    assert ran == [tenant]
    clock.advance(6 * 3600)
    await other.sweep()
    await one.sweep()
    assert ran == [tenant, tenant]
    for each, then in before.items():
        assert total("app_monitoring_checks_total", kind="failures", result=each) == then + 1
    assert state.monitoring.upkeep.watch in state.sweeps_by_room["monitoring"]
    assert "failures" in [each.kind for each in state.monitoring.upkeep.checks]
