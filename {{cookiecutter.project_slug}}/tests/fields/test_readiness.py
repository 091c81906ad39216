"""Each value of policies/readiness.yaml decides on checks, on what nobody may waive, and on releases that go live."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any

import psycopg
import pytest
import pytest_asyncio

from app.core.errors import Problem
from app.governance.domain.readiness.catalogue import CHECKS
from app.governance.domain.readiness.report import CheckResult
from app.wiring import State
from benchmarks.harness import work_off
from tests.fields.conftest import Changed, called
from tests.fields.values import nested
from tests.governance.conftest import person

Probe = Callable[[State], Awaitable[Any]]


async def result(state: State, check: str) -> CheckResult:
    report = await state.readiness.report()
    return next(each for each in report.results if each.check.id == check)


def said_of(check: str, what: Callable[[CheckResult], Any], *statements: str) -> Probe:
    """Of a check, after these statements of the owner of the tables."""

    async def probe(state: State) -> Any:
        with psycopg.connect(state.urls.owner) as connection:
            connection.execute("set session_replication_role = replica")
            for each in statements:
                connection.execute(each.encode())
        return what(await result(state, check))

    return probe


def status(found: CheckResult) -> str:
    return found.status


def days(found: CheckResult) -> int | None:
    return found.max_age_days


def required(found: CheckResult) -> bool:
    return found.required


async def days_of_an_attestation(state: State) -> timedelta:
    check = next(each.id for each in CHECKS if each.attested)
    said = await state.readiness.attest(person("bob"), check, "it was looked at")
    return timedelta(days=round((said.expires_at - said.at) / timedelta(days=1)))


async def days_of_a_waiver(state: State) -> timedelta:
    said = await state.readiness.waive(person("bob"), "rollback.backup", "the storage is being moved", "bob")
    return timedelta(days=round((said.expires_at - said.at) / timedelta(days=1)))


async def waived(state: State) -> str:
    try:
        await state.readiness.waive(person("bob"), "rollback.backup", "the storage is being moved", "bob")
    except Problem as problem:
        return problem.code
    return "waived"


async def slow_source(state: State) -> str:
    """What becomes of a source of evidence that takes a tenth of a second."""

    async def source() -> str:
        await asyncio.sleep(0.1)
        return "read"

    found = await state.readiness._gather(str, source)
    return "too slow" if isinstance(found, TimeoutError) else str(found)


async def next_release(state: State) -> str:
    release = await state.releases.create("ana", changes={"retrieval.dense_weight": 0.31})
    try:
        await state.rollouts.activate("ana", release.id, "a new one")
    except Problem as problem:
        return "not ready" if "governance.owners" in str(problem) else problem.code
    return "live"


KEY = "update api_keys set created_at = now() - interval '400 days', expires_at = now() + interval '1 day'"
UNUSED = "update api_keys set last_used_at = now() - interval '100 days'"
WAITING = (
    "delete from quarantine",
    "insert into quarantine (tenant_id, id, document_id, version, reason, detail, findings, created_at) "
    "select id, gen_random_uuid(), gen_random_uuid(), 1, 'empty', '', '[]', now() - interval '10 days' from tenants",
)
REHEARSED = (
    "delete from environment_moves where kind = 'rehearsal'",
    "insert into environment_moves (environment, kind, release_id, at, actor, reason, seconds) "
    "select 'staging', 'rehearsal', id, now(), 'ana', 'a test needs it', 70 from releases limit 1",
)
VALUES: list[tuple[str, Any, Probe, Any, Any]] = [
    ("optional", ["governance.owners"], said_of("governance.owners", required), True, False),
    ("max_age_days", {"rollback.backup": 3}, said_of("rollback.backup", days), 7, 3),
    ("attestation_days", 13, days_of_an_attestation, timedelta(days=180), timedelta(days=13)),
    ("timeout_seconds", 0.02, slow_source, "read", "too slow"),
    ("waivers.max_days", 11, days_of_a_waiver, timedelta(days=30), timedelta(days=11)),
    ("waivers.never", ["rollback.backup"], waived, "waived", "check_never_waived"),
    ("gate", {"development": ["governance.owners"]}, next_release, "release_not_approved", "not ready"),
    ("limits.golden_cases", 100_000, said_of("evaluation.golden_suite", status), "green", "red"),
    ("limits.red_team_cases", 100_000, said_of("evaluation.red_team_suite", status), "green", "red"),
    ("limits.own_cases", 1, said_of("evaluation.own_cases", lambda found: "at least 1." in found.found), False, True),
    ("limits.quarantine_days", 30, said_of("quality.quarantine_decided", status, *WAITING), "red", "amber"),
    ("limits.rollback_seconds", 80, said_of("rollback.rehearsed", status, *REHEARSED), "red", "green"),
    ("limits.key_days", 500, said_of("access.keys_expire", status, KEY), "red", "green"),
    ("limits.unused_key_days", 200, said_of("access.keys_used", status, UNUSED), "red", "green"),
]


@pytest_asyncio.fixture(scope="module")
async def plain(changed: Changed) -> AsyncIterator[State]:
    async with changed() as built:
        async with called(built) as client:  # which leaves a key of a tenant that has documents
            note = b"The lamp of the harbour is lit at dusk."
            (await client.post("/v1/documents", files={"files": ("note.md", note)})).raise_for_status()
            await work_off(built)
        yield built


@pytest.mark.parametrize(
    ("name", "value", "probe", "without", "with_it"), VALUES, ids=[f"readiness.{name}" for name, *_ in VALUES]
)
async def test_a_value_decides_on_readiness(
    changed: Changed, plain: State, name: str, value: Any, probe: Probe, without: Any, with_it: Any
) -> None:
    before = await probe(plain)
    async with changed(live=False, **nested(f"readiness.{name}", value)) as state:
        await state.environments.refresh()
        assert (before, await probe(state)) == (without, with_it)
