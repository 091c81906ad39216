"""Each limit of the check of data, and each condition of what it counts, from the database to the signals."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import text

from app.core.clock import ManualClock
from app.core.embedded import Urls
from app.identity.domain import Principal
from app.monitoring.domain.data_health.health_signal import IN_PROCESS, NOT_IN_INDEX
from app.monitoring.domain.policy import MonitoringPolicy
from app.monitoring.repository import health_queries
from app.monitoring.repository.health_queries import ObservedIndex
from app.monitoring.service import DataHealth
from app.wiring import State
from tests.ingestion.conftest import Send, ingest, send, work
from tests.ingestion.test_policies import LAMPS, ingestion_with
from tests.ingestion.test_policies import ingest as ingest_by
from tests.monitoring.service.test_data_health import checked, clock, health, month
from tests.monitoring.stored import PastAnswer, PastVersion, store, store_versions

__all__ = ["clock", "health", "ingest", "send", "work"]


def test_the_policy_of_the_file_is_the_one_that_judges(state: State) -> None:
    assert state.monitoring.data_health.policy is state.policies.get(MonitoringPolicy).health


async def test_the_chance_of_a_false_alarm_is_divided_among_the_tenants_of_the_service(
    health: DataHealth, tenant: UUID, clock: ManualClock, database_urls: Urls
) -> None:
    held = [PastVersion(tenant, clock.now(), status="quarantined", quarantined="too_short") for _ in range(4)]
    store_versions(database_urls, month(tenant, clock.now(), 20) + held)
    assert (await checked(health, tenant))["quarantine", "too_short"].unhealthy

    async def many() -> list[UUID]:
        return [tenant] * 1000

    assert not (await checked(replace(health, tenants=many), tenant))["quarantine", "too_short"].unhealthy


@pytest.mark.parametrize(("days", "never_cited"), [(28, 1.0), (7, 0.5)])
async def test_the_days_of_the_policy_say_which_documents_are_old(
    health: DataHealth, tenant: UUID, clock: ManualClock, database_urls: Urls, days: int, never_cited: float
) -> None:
    old, newer = ([PastVersion(tenant, clock.now() - timedelta(days=age)) for _ in range(30)] for age in (40, 10))
    store_versions(database_urls, old + newer)
    store(database_urls, [PastAnswer(tenant, clock.now(), cited=[each.id]) for each in newer])
    of_days = replace(health, policy=health.policy.model_copy(update={"days": days}))
    assert (await checked(of_days, tenant))["never_cited", "all sources"].value == never_cited


async def test_of_tables_that_changed_the_newest_hundred_are_stored(
    health: DataHealth, tenant: UUID, clock: ManualClock, database_urls: Urls
) -> None:
    before, recent = clock.now() - timedelta(days=20), clock.now() - timedelta(hours=1)
    usual = [PastVersion(tenant, before, columns=("article", "price")) for _ in range(3)]
    changed = [PastVersion(tenant, recent - timedelta(minutes=each), columns=("article",)) for each in range(101)]
    store_versions(database_urls, usual + changed)
    found = [each for each in await health.check(tenant) if each.signal == "columns"]
    assert {each.examples[0] for each in found} == {each.id for each in changed[:100]}


EMPTY = "update indexed_documents set text = ' '"
UNINDEXED = "update chunks set gone = 1"


@pytest.mark.parametrize(
    ("statements", "missing"),
    [
        ([], 0),
        ([UNINDEXED], 1),
        ([UNINDEXED, EMPTY], 0),
        ([UNINDEXED, EMPTY, "update indexed_documents set withdrawn = true"], 1),
        ([UNINDEXED, EMPTY, "update indexed_documents set version = 7"], 1),
        ([UNINDEXED, "delete from indexed_documents"], 1),
        (["update chunks set document_version = 7"], 1),
        (["update chunks set index_number = 7"], 1),
    ],
    ids=["all there", "gone", "without text", "withdrawn", "other text", "no text", "other version", "other index"],
)
async def test_a_document_is_in_the_live_index_by_chunks_of_its_live_version(
    health: DataHealth,
    tenant: UUID,
    clock: ManualClock,
    state: State,
    ingest: Send,
    statements: list[str],
    missing: int,
) -> None:
    await ingest(("lamp.md", b"# The lamp\n\nThe lamp of the harbour is lit at dusk."))
    async with state.database.transaction(tenant) as connection:
        for statement in statements:
            await connection.execute(text(statement))
    clock.advance(60)
    assert (await checked(health, tenant))["index", NOT_IN_INDEX].value == missing


async def test_a_deleted_document_waits_for_nothing(
    health: DataHealth, tenant: UUID, clock: ManualClock, database_urls: Urls, state: State
) -> None:
    store_versions(database_urls, [PastVersion(tenant, clock.now() - timedelta(hours=2), status="processing")])
    assert (await checked(health, tenant))["index", IN_PROCESS].unhealthy
    async with state.database.transaction(tenant) as connection:
        await connection.execute(text("update documents set deleted_at = now()"))
    assert (await checked(health, tenant))["index", IN_PROCESS].value == 0


async def test_a_live_index_of_other_dimensions_is_of_another_embedder(health: DataHealth, tenant: UUID) -> None:
    await health.indexes.live()  # built as the file says
    first = health.indexes.first
    other = replace(health.indexes, first=replace(first, dimensions=first.dimensions + 1))
    rows = await checked(replace(health, indexes=other), tenant)
    assert [each.unhealthy for each in rows.values() if each.signal == "embedder"] == [True]


async def test_a_near_duplicate_that_was_published_counts_as_a_duplicate(
    principal: Principal, clock: ManualClock, state: State
) -> None:
    flagging = ingestion_with(state, duplicates={"near": "flag"})
    await ingest_by(flagging, principal, "a.txt", LAMPS.encode())
    near = await ingest_by(flagging, principal, "b.txt", f"{LAMPS} Truly.".encode())
    assert near.status == "published"
    clock.advance(60)
    tenant, index = principal.tenant_id, ObservedIndex((await state.retrieval.indexes.live()).number, True)
    async with state.database.read(tenant) as connection:
        observed = await health_queries.observe(connection, tenant, clock.now(), 28, index)
    assert [(each.versions, each.examples) for each in observed.duplicates] == [(1, (near.id,))]
