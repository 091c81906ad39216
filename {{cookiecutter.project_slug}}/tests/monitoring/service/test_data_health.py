"""From versions, quarantine, index and answers in the database to the signals, the metric and what callers see."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import httpx
import pytest
from prometheus_client import REGISTRY
from sqlalchemy import text

from app.core.clock import ManualClock
from app.core.embedded import Urls
from app.identity.domain import Principal
from app.monitoring.domain.alert_catalogue import CAUSES
from app.monitoring.domain.data_health.column_change import ColumnChange
from app.monitoring.domain.data_health.health_signal import HEALTH_SIGNALS, IN_PROCESS, NOT_IN_INDEX, HealthSignal
from app.monitoring.service import DataHealth
from app.monitoring.service.affected_tenants import AffectedTenants
from app.monitoring.service.data_health import UNHEALTHY
from app.wiring import State
from tests.conftest import ROOT
from tests.ingestion.conftest import Send, ingest, send, work
from tests.monitoring.stored import PastAnswer, PastVersion, store, store_versions

__all__ = ["ingest", "send", "work"]

Rows = dict[tuple[str, str], HealthSignal]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(at=datetime.now(UTC))


@pytest.fixture
def health(state: State, tenant: UUID, clock: ManualClock) -> DataHealth:
    async def tenants() -> list[UUID]:
        return [tenant]

    return replace(
        state.monitoring.data_health, clock=clock, tenants=tenants, affected=AffectedTenants(UNHEALTHY, HEALTH_SIGNALS)
    )


async def checked(health: DataHealth, tenant: UUID) -> Rows:
    return {(each.signal, each.subject): each for each in await health.check(tenant)}


def person(tenant: UUID, *groups: str) -> Principal:
    return Principal(tenant, uuid4(), "ops", frozenset({"operator"}), frozenset(groups))


def unhealthy_tenants(signal: str) -> float | None:
    return REGISTRY.get_sample_value("app_unhealthy_data_tenants", {"signal": signal})


def month(tenant: UUID, now: datetime, today: int, source: str = "prices", **values: object) -> list[PastVersion]:
    """Ten versions of a source on each of the 28 days before, and so many on the last."""
    at = [now - timedelta(days=day, hours=2) for day in range(1, 29) for _ in range(10)]
    days = [PastVersion(tenant, each, source=source) for each in at]
    return days + [PastVersion(tenant, now - timedelta(hours=1), source=source, **values) for _ in range(today)]  # type: ignore[arg-type]


async def test_a_flood_is_told_from_the_usual_day_of_each_source(
    health: DataHealth, tenant: UUID, clock: ManualClock, database_urls: Urls
) -> None:
    now = clock.now()
    store_versions(
        database_urls, month(tenant, now, 60) + month(tenant, now, 11, "rules") + month(tenant, now, 0, "news")
    )
    rows = await checked(health, tenant)
    flood, usual = rows["volume", "prices"], rows["volume", "rules"]
    assert (flood.value, flood.usual, flood.unhealthy) == (60, 10, True)
    assert (usual.value, usual.unhealthy, rows["volume", "news"].unhealthy) == (11, False, False)
    assert not rows["freshness", "prices"].unhealthy
    assert rows["freshness", "news"].value == pytest.approx(26, abs=0.1)

    clock.advance(timedelta(hours=30).total_seconds())
    silent = (await checked(health, tenant))["freshness", "news"]
    assert (silent.value, silent.usual, silent.unhealthy) == (pytest.approx(56, abs=0.1), 24, True)

    clock.advance(timedelta(days=120).total_seconds())
    assert ("freshness", "news") not in await checked(health, tenant)  # it has ended


async def test_a_source_whose_documents_are_all_deleted_has_ended(
    health: DataHealth, tenant: UUID, clock: ManualClock, database_urls: Urls, state: State
) -> None:
    store_versions(database_urls, month(tenant, clock.now() - timedelta(days=5), 0))
    assert (await checked(health, tenant))["freshness", "prices"].unhealthy
    async with state.database.transaction(tenant) as connection:
        await connection.execute(text("update documents set deleted_at = now(), live_version = null"))
    assert ("freshness", "prices") not in await checked(health, tenant)


@pytest.mark.parametrize(
    ("held", "signal", "subject"),
    [
        ({"status": "quarantined", "quarantined": "too_short"}, "quarantine", "too_short"),
        ({"status": "quarantined", "quarantined": "near_duplicate"}, "duplicates", "all sources"),
        ({"copy_of": "the document itself"}, "duplicates", "all sources"),
    ],
    ids=["quarantine", "near duplicates", "copies"],
)
async def test_a_share_that_rose_names_newest_documents(
    health: DataHealth,
    tenant: UUID,
    clock: ManualClock,
    database_urls: Urls,
    held: dict[str, str],
    signal: str,
    subject: str,
) -> None:
    now = clock.now()
    bad = [PastVersion(tenant, now - timedelta(hours=3), **held) for _ in range(20)]  # type: ignore[arg-type]
    store_versions(database_urls, month(tenant, now, 10) + bad)
    row = (await checked(health, tenant))[signal, subject]
    assert (row.value, row.usual, row.unhealthy) == (pytest.approx(20 / 30, abs=1e-3), 0, True)
    assert len(row.examples) == 5
    assert set(row.examples) <= {each.id for each in bad}


async def test_what_the_live_index_lacks_and_what_waits(
    health: DataHealth, state: State, tenant: UUID, clock: ManualClock, database_urls: Urls, ingest: Send
) -> None:
    [document] = await ingest(("lamp.md", b"# The lamp\n\nThe lamp of the harbour is lit at dusk."))
    waiting = PastVersion(tenant, clock.now() - timedelta(minutes=20), status="processing")
    store_versions(database_urls, [waiting])
    rows = await checked(health, tenant)
    assert (rows["index", NOT_IN_INDEX].value, rows["index", IN_PROCESS].unhealthy) == (0, False)
    assert not rows["embedder", f"index {(await state.retrieval.indexes.live()).number}"].unhealthy

    async with state.database.transaction(tenant) as connection:
        await connection.execute(text("update chunks set gone = 1"))
    clock.advance(3600)
    other = replace(health.indexes, first=replace(health.indexes.first, embedder="another"))
    rows = await checked(replace(health, indexes=other), tenant)
    assert rows["index", NOT_IN_INDEX].examples == (UUID(document["id"]),)
    assert rows["index", IN_PROCESS].examples == (waiting.id,)
    assert rows["index", IN_PROCESS].value == pytest.approx(80 / 60, abs=0.01)
    assert [each.value for each in rows.values() if each.signal == "embedder"] == [1]


async def test_documents_that_no_answer_cites(
    health: DataHealth, tenant: UUID, clock: ManualClock, database_urls: Urls
) -> None:
    old = [PastVersion(tenant, clock.now() - timedelta(days=40)) for _ in range(30)]
    new = [PastVersion(tenant, clock.now() - timedelta(days=3)) for _ in range(30)]
    store_versions(database_urls, old + new)
    at = clock.now() - timedelta(days=1)
    store(database_urls, [PastAnswer(tenant, at, cited=[each.id]) for each in [old[0], *new[:20]]])
    store(database_urls, [PastAnswer(tenant, at, cited=[old[1].id], environment="staging")])
    row = (await checked(health, tenant))["never_cited", "all sources"]
    assert (row.value, row.usual, row.unhealthy) == (pytest.approx(29 / 30, abs=1e-3), 0.9, True)
    assert len(row.examples) == 5
    assert set(row.examples) <= {each.id for each in old[1:]}
    store(database_urls, [PastAnswer(tenant, at, cited=[each.id for each in old[:5]])])
    assert not (await checked(health, tenant))["never_cited", "all sources"].unhealthy


async def columns(health: DataHealth, tenant: UUID, *groups: str) -> dict[str, ColumnChange | None]:
    """What a caller sees of tables that changed, by address."""
    report = await health.report(person(tenant, *groups))
    shown = [each.examples[0] for each in report.signals if each.signal == "columns"]
    return {report.examples[id].uri: report.examples[id].change for id in shown if id in report.examples}


TABLE = "article;price;unit\nlamp{0};12;piece\nrope{0};3;metre\n"


async def test_columns_that_changed_are_seen_by_readers_of_the_table(
    health: DataHealth, tenant: UUID, ingest: Send, client: httpx.AsyncClient, clock: ManualClock, state: State
) -> None:
    lines = '{{"article": "lamp{0}", "price": 12}}\n{{"article": "rope{0}", "unit": "metre"}}\n'
    await ingest(
        ("plain.csv", TABLE.format(1).encode()),
        ("lines.jsonl", lines.format(1).encode()),
        ("same.csv", TABLE.format(5).encode()),
    )
    await ingest(("closed.csv", TABLE.format(2).encode()), access_groups="board")
    clock.advance(60)
    assert [each for each in await health.check(tenant) if each.signal == "columns"] == []

    await ingest(
        ("plain.csv", b"article\tprices\tcolour\nlamp;1\t12\tred\nrope;1\t3\tblue\n"),
        ("lines.jsonl", lines.format(3).replace("unit", "place").encode()),
        ("same.csv", TABLE.format(6).encode()),
    )
    await ingest(("closed.csv", b"article;secret\nlamp2;x\n"), access_groups="board")
    clock.advance(60)
    found = [each for each in await health.check(tenant) if each.signal == "columns"]
    assert [(each.subject, each.unhealthy, each.usual) for each in found] == [("upload", True, 3)] * 3
    assert await columns(health, tenant) == {
        "plain.csv": ColumnChange((), (), (("price", "prices"), ("unit", "colour"))),
        "lines.jsonl": ColumnChange((), (), (("unit", "place"),)),
    }
    closed = (await columns(health, tenant, "board"))["closed.csv"]
    assert closed == ColumnChange(("secret",), ("price", "unit"), ())

    shown = await client.get("/v1/monitoring/data-health")
    assert "secret" not in shown.text
    assert "closed.csv" not in shown.text
    rows = [each for each in shown.json()["signals"] if each["signal"] == "columns"]
    examples = {each["uri"]: each["change"] for row in rows for each in row["examples"]}
    assert examples["plain.csv"]["renamed"] == [["price", "prices"], ["unit", "colour"]]
    assert examples.keys() == {"plain.csv", "lines.jsonl"}

    [plain] = [each for each in (await client.get("/v1/documents")).json()["items"] if each["uri"] == "plain.csv"]
    await client.delete(f"/v1/documents/{plain['id']}")
    assert (await columns(health, tenant)).keys() == {"lines.jsonl"}
    async with state.database.read(tenant) as connection:
        left = await connection.execute(text("select columns from document_versions where status = 'deleted'"))
        assert {tuple(row.columns) for row in left} == {()}


async def test_a_new_file_is_compared_with_most_files_of_its_source(
    health: DataHealth, tenant: UUID, clock: ManualClock, database_urls: Urls
) -> None:
    old, new = clock.now() - timedelta(days=20), clock.now() - timedelta(hours=1)
    usual = ("article", "price")

    def files(source: str, count: int, names: Sequence[str], at: datetime = old, **more: object) -> list[PastVersion]:
        return [PastVersion(tenant, at, source=source, columns=names, **more) for _ in range(count)]  # type: ignore[arg-type]

    store_versions(
        database_urls,
        [
            *files("prices", 4, usual),
            *files("prices", 3, ("x", "y")),
            *files("prices", 1, ("article", "amount"), new),
            *files("prices", 1, ("price", "article"), new),
            *files("few", 2, usual),
            *files("few", 1, ("z",), new),
            *files("mixed", 3, usual),
            *files("mixed", 3, ("x", "y")),
            *files("mixed", 1, ("z",), new),
            *files("closed", 3, usual, groups=["board"]),
            *files("closed", 1, ("article",), new),
        ],
    )
    found = [each for each in await health.check(tenant) if each.signal == "columns"]
    assert sorted((each.subject, each.value) for each in found) == [("closed", 1), ("prices", 1)]
    assert list((await columns(health, tenant)).values()).count(None) == 1  # the other files are not this caller's
    changes = (await columns(health, tenant, "board")).values()
    assert ColumnChange((), ("price",), ()) in changes
    assert ColumnChange((), (), (("price", "amount"),)) in changes

    clock.advance(timedelta(days=8).total_seconds())
    assert [each for each in await health.check(tenant) if each.signal == "columns"] == []


async def test_version_before_that_the_caller_could_not_read_stays_unnamed(
    health: DataHealth, tenant: UUID, ingest: Send, clock: ManualClock, state: State
) -> None:
    for table in (b"article;secret\nlamp;x\n", b"article;price\nlamp;12\n"):
        await ingest(("wide.csv", table))
    async with state.database.transaction(tenant) as connection:
        await connection.execute(text("update document_versions set access_groups = '{board}' where version = 1"))
    clock.advance(60)
    await health.check(tenant)
    assert await columns(health, tenant) == {"wide.csv": None}
    assert await columns(health, tenant, "board") == {"wide.csv": ColumnChange((), (), (("secret", "price"),))}


async def test_a_table_that_is_held_back_is_compared_too(
    health: DataHealth, tenant: UUID, ingest: Send, clock: ManualClock
) -> None:
    for table in (b"article;price\nlamp;12\n", b"article;formula\nlamp;=2+3\n"):
        [document] = await ingest(("held.csv", table))
    assert document["status"] == "quarantined"
    clock.advance(60)
    await health.check(tenant)
    assert await columns(health, tenant) == {"held.csv": ColumnChange((), (), (("price", "formula"),))}


async def test_each_check_takes_the_place_of_the_one_before(
    health: DataHealth, tenant: UUID, clock: ManualClock, database_urls: Urls, state: State
) -> None:
    assert (await health.report(person(tenant))).checked_at is None
    store_versions(database_urls, month(tenant, clock.now(), 60))
    first = await health.run(tenant)
    assert unhealthy_tenants("volume") == 1
    assert sorted(await health.run(tenant), key=str) == sorted(first, key=str)

    # A worker that starts anew knows what was found before.
    for signal in HEALTH_SIGNALS:
        UNHEALTHY.labels(signal).set(0)
    await replace(health, affected=AffectedTenants(UNHEALTHY, HEALTH_SIGNALS)).run(tenant)
    assert (unhealthy_tenants("volume"), unhealthy_tenants("columns")) == (1, 0)
    checked_at = clock.now()
    clock.advance(23 * 3600)
    await health.run(tenant)
    assert (await health.report(person(tenant))).checked_at == checked_at
    clock.advance(3600)
    await health.run(tenant)
    report = await health.report(person(tenant))
    assert report.checked_at == clock.now()
    assert len([each for each in report.signals if each.signal == "volume"]) == 1
    assert unhealthy_tenants("volume") == 0

    stranger = await state.identity.ensure_tenant(f"other-{uuid4().hex}")
    assert (await health.report(person(stranger))).signals == ()
    assert {each.signal for each in await health.check(stranger)} == {"embedder", "index"}


def test_the_worker_looks_every_hour_whether_a_day_has_passed(state: State) -> None:
    (check,) = [each for each in state.monitoring.upkeep.checks if each.kind == "health"]
    assert (check.every, check.run) == (timedelta(hours=1), state.monitoring.data_health.run)


def test_the_alert_leads_to_its_runbook() -> None:
    (alert,) = [each for each in CAUSES if "app_unhealthy_data_tenants" in each.expression]
    assert (ROOT / "docs" / "runbooks" / f"{alert.annotations.runbook}.md").is_file()
