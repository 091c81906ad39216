import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest
import pytest_asyncio
from sqlalchemy import text

from app.core.audit import Verified
from app.core.clock import ManualClock
from app.core.embedded import Urls
from app.core.errors import StartRefused
from app.core.reasons import ReasonRequired
from app.core.retention import RetentionRules
from app.privacy.domain.requests import LegalHoldNotFound, Selection, TombstonesUnusable
from app.privacy.service import Privacy
from app.wiring import RESTORED_SECONDS, State
from tests.clock import leap
from tests.conftest import override
from tests.governance.test_audit_lines import actions
from tests.privacy.conftest import Plant
from tests.privacy.planted import SUBJECT
from tests.privacy.test_erasure import WHY, ask, left, upload

ADA = Selection("subject", SUBJECT)
DAY = timedelta(days=1)


async def count(state: State, tenant: UUID, query: str) -> int:
    async with state.database.read(tenant) as connection:
        return int((await connection.execute(text(query))).scalar_one())


async def test_a_legal_hold_blocks_the_whole_request_until_it_is_lifted(
    plant: Plant, client: httpx.AsyncClient, privacy: Privacy, tenant: UUID, state: State
) -> None:
    garden = await plant(answers=1)
    document = await upload(client, state, f"# Vault\n\nThe vault of {SUBJECT} is below the bridge.\n")
    hold = await privacy.holds.place(tenant, "document", document, "officer", "proceeding 4711")
    before = left(garden)
    blocked = await privacy.erasure.erase(tenant, ADA, "officer", WHY)
    assert (blocked.state, blocked.ended_at) == ("blocked", None)
    assert blocked.blocked_by == f"document {document} is under a legal hold: proceeding 4711"
    assert blocked.counters == {}
    assert left(garden) == before
    assert [each.id for each in await privacy.holds.list(tenant)] == [hold.id]
    assert (await privacy.erasure.resume(tenant, blocked.id)).state == "blocked"
    await privacy.holds.lift(tenant, hold.id, "officer", "the proceeding is over")
    assert await privacy.holds.list(tenant) == []
    assert (await privacy.erasure.resume(tenant, blocked.id)).state == "done"
    assert garden.by_store(left(garden)) == {}


async def test_a_hold_on_the_tenant_holds_everything_of_it(
    client: httpx.AsyncClient, privacy: Privacy, tenant: UUID
) -> None:
    await ask(client, f"Where is {SUBJECT}?")
    await privacy.holds.place(tenant, "tenant", tenant, "officer", "proceeding 4711")
    assert (await privacy.erasure.erase(tenant, ADA, "officer", WHY)).state == "blocked"


async def test_a_hold_needs_a_reason_and_is_lifted_once(privacy: Privacy, tenant: UUID) -> None:
    with pytest.raises(ReasonRequired):
        await privacy.holds.place(tenant, "document", uuid4(), "officer", " ")
    hold = await privacy.holds.place(tenant, "document", uuid4(), "officer", "proceeding 4711")
    await privacy.holds.lift(tenant, hold.id, "officer", "it is over")
    with pytest.raises(LegalHoldNotFound):
        await privacy.holds.lift(tenant, hold.id, "officer", "it is over")


@pytest_asyncio.fixture
async def later(state: State, privacy: Privacy) -> AsyncIterator[ManualClock]:
    """The clock of retention, which can be set forward."""
    before, rules = privacy.retention.clock, privacy.retention.rules
    clock = ManualClock(datetime.now(UTC))
    override(privacy.retention, clock=clock)
    yield clock
    override(privacy.retention, clock=before, rules=rules)


async def test_answers_go_when_they_are_too_old_and_not_before(
    client: httpx.AsyncClient, privacy: Privacy, tenant: UUID, later: ManualClock, state: State
) -> None:
    override(privacy.retention, rules=RetentionRules(answers=30))
    answer = await ask(client, "Is the harbour open?")
    later.advance(29 * DAY.total_seconds())
    assert await privacy.retention.expire(tenant) == {}
    assert (await client.get(f"/v1/answers/{answer['id']}")).status_code == 200
    later.advance(2 * DAY.total_seconds())
    assert await privacy.retention.expire(tenant) == {"answers": 1}
    assert (await client.get(f"/v1/answers/{answer['id']}")).status_code == 404
    assert await privacy.retention.expire(tenant) == {}
    async with state.database.read(tenant) as connection:
        query = text("select after from audit_log where action = 'privacy.expire'")
        assert (await connection.execute(query)).scalars().all() == ["1 answers"]


async def test_what_is_held_outlives_its_period_and_the_rest_does_not(
    client: httpx.AsyncClient, privacy: Privacy, tenant: UUID, later: ManualClock
) -> None:
    override(privacy.retention, rules=RetentionRules(answers=30))
    held, other = [await ask(client, f"Is gate {number} open?") for number in (1, 2)]
    await privacy.holds.place(tenant, "answer", UUID(held["id"]), "officer", "proceeding 4711")
    later.advance(31 * DAY.total_seconds())
    assert await privacy.retention.expire(tenant) == {"answers": 1}
    assert (await client.get(f"/v1/answers/{held['id']}")).status_code == 200
    assert (await client.get(f"/v1/answers/{other['id']}")).status_code == 404


async def test_names_of_deleted_documents_and_old_quarantine_entries_go(
    client: httpx.AsyncClient, privacy: Privacy, tenant: UUID, later: ManualClock, state: State
) -> None:
    override(privacy.retention, rules=RetentionRules(deleted_documents=7, quarantined_files=7))
    gone = await upload(client, state, "# Mill\n\nThe mill by the weir grinds the corn.\n", "mill-of-ada.md")
    await client.delete(f"/v1/documents/{gone}")
    files = {"files": ("caf.md", b"# Cafe\n\nThe caf\xe9 of the harbour is open.\n")}
    await client.post("/v1/documents", files=files, data={"metadata": "{}"})
    await upload(client, state, "# Kiln\n\nThe kiln stays where it is, by the road.\n")
    assert await count(state, tenant, "select count(*) from quarantine where decision is null") == 1
    later.advance(8 * DAY.total_seconds())
    assert await privacy.retention.expire(tenant) == {"quarantined_files": 1, "deleted_documents": 1}
    assert await count(state, tenant, "select count(*) from blobs") == 1
    assert await count(state, tenant, "select count(*) from documents where uri = 'mill-of-ada.md'") == 0
    assert await privacy.retention.expire(tenant) == {}


async def test_closed_tickets_results_and_failed_jobs_go_and_open_tickets_stay(
    plant: Plant, privacy: Privacy, tenant: UUID, later: ManualClock, database_urls: Urls, state: State
) -> None:
    rules = RetentionRules(tickets=5, evaluation_results=5, failed_jobs=5)
    override(privacy.retention, rules=rules)
    await plant(others=2)
    with psycopg.connect(database_urls.owner) as connection:
        connection.execute("update tickets set status = 'closed' where tenant_id = %s and number = 1000", (tenant,))
    later.advance(6 * DAY.total_seconds())
    assert await privacy.retention.expire(tenant) == {"tickets": 1, "evaluation_results": 2, "failed_jobs": 2}
    assert await count(state, tenant, "select count(*) from tickets where title = 'erased'") == 1
    assert await count(state, tenant, "select count(*) from tickets where title <> 'erased'") == 1


async def test_one_run_takes_every_batch_and_stops_where_only_holds_are_left(
    client: httpx.AsyncClient, privacy: Privacy, tenant: UUID, later: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.privacy.service.retention.BATCH", 2)
    override(privacy.retention, rules=RetentionRules(answers=30))
    for number in range(5):
        await ask(client, f"Is gate {number} open?")
    later.advance(31 * DAY.total_seconds())
    assert await privacy.retention.expire(tenant) == {"answers": 5}


async def test_nothing_expires_without_a_period(
    client: httpx.AsyncClient, privacy: Privacy, tenant: UUID, later: ManualClock
) -> None:
    override(privacy.retention, rules=RetentionRules())
    await ask(client, "Is the harbour open?")
    later.advance(10_000 * DAY.total_seconds())
    assert await privacy.retention.expire(tenant) == {}


async def test_a_restored_database_is_refused_until_its_tombstones_are_applied(
    plant: Plant, privacy: Privacy, tenant: UUID, state: State, database_urls: Urls, tmp_path: Path
) -> None:
    """The receipt is missing in a backup from before the erasure, and the text is back."""
    garden = await plant(answers=1)
    done = await privacy.erasure.erase(tenant, ADA, "officer", WHY)
    await privacy.refuse_restored()
    tombstones = privacy.tombstones.file.path.read_text(encoding="utf-8")
    assert str(done.id) in tombstones
    assert SUBJECT not in tombstones
    with psycopg.connect(database_urls.owner) as connection:
        connection.execute("delete from privacy_requests where id = %s", (done.id,))
    garden.suite_case("again", f"Who is {garden.word('evals')}?")
    await ask(garden.client, f"Where is {garden.word('answers.question')}?")
    with pytest.raises(StartRefused, match="run 'app privacy reapply'"):
        await privacy.refuse_restored()
    await leap(RESTORED_SECONDS)
    ready = await garden.client.get("/health/ready")
    assert (ready.status_code, "run 'app privacy reapply'" in ready.json()["checks"]["erasures"]) == (503, True)
    [again] = await privacy.tombstones.reapply(await privacy.keys.tenants())
    assert (again.id, again.state, again.reapplied) == (done.id, "done", True)
    assert garden.by_store(left(garden)) == {}
    assert await privacy.tombstones.reapply(await privacy.keys.tenants()) == []
    await privacy.refuse_restored()
    assert (await garden.client.get("/health/ready")).json()["checks"]["erasures"] == "ok"
    assert isinstance(await state.audit.inspect(), Verified)


async def test_tombstones_that_are_none_are_refused_in_a_sentence(privacy: Privacy, tmp_path: Path) -> None:
    file = privacy.tombstones.file.path
    kept = tmp_path / "kept"
    shutil.copy(file, kept) if file.exists() else kept.touch()
    try:
        file.write_text('{"id": 1}\n', encoding="utf-8")
        with pytest.raises(TombstonesUnusable, match="is not a file of tombstones"):
            await privacy.tombstones.missing([])
    finally:
        shutil.copy(kept, file)


async def test_originals_are_encrypted_and_those_from_before_are_with_a_command(
    client: httpx.AsyncClient, privacy: Privacy, tenant: UUID, state: State, database_urls: Urls
) -> None:
    word = f"zq{uuid4().hex}"
    document = await upload(client, state, f"# Forge\n\nThe forge of the smith is called {word}.\n")
    with psycopg.connect(database_urls.owner) as connection:
        query = "select key_version, position(%s::bytea in bytes) from blobs where tenant_id = %s"
        assert connection.execute(query, (word.encode(), tenant)).fetchall() == [(1, 0)]
    assert await privacy.originals.decrypt(tenant, "officer") == 1
    with psycopg.connect(database_urls.owner) as connection:
        [(version, place)] = connection.execute(query, (word.encode(), tenant)).fetchall()
        assert version is None
        assert place > 0
    found = [line async for line in privacy.export.export(tenant, Selection("document", str(document)), "officer", WHY)]
    assert any(b'"files"' in line for line in found)
    assert await privacy.originals.encrypt(tenant, "officer") == 1
    assert await privacy.originals.encrypt(tenant, "officer") == 0
    assert await privacy.originals.rotate(tenant, "officer") == 1
    with psycopg.connect(database_urls.owner) as connection:
        assert connection.execute(query, (word.encode(), tenant)).fetchall() == [(2, 0)]
    acts = [act for act, actor in await actions(state, tenant) if actor == "officer"]
    assert acts == ["privacy.decrypt", "privacy.export", "privacy.encrypt", "privacy.rotate_key"]


async def test_a_quarantined_original_is_downloaded_as_it_was_uploaded(
    client: httpx.AsyncClient, tenant: UUID, state: State
) -> None:
    data = b"# Cafe\n\nThe caf\xe9 of the harbour is open.\n"
    await client.post("/v1/documents", files={"files": ("cafe.md", data)}, data={"metadata": "{}"})
    await upload(client, state, "# Pier\n\nThe pier is long and made of oak.\n")
    [entry] = (await client.get("/v1/quarantine")).json()["items"]
    assert (await client.get(f"/v1/quarantine/{entry['id']}/original")).content == data


async def test_an_answer_that_waits_for_a_person_is_closed_with_its_review(
    plant: Plant, privacy: Privacy, tenant: UUID, state: State
) -> None:
    """Nobody can approve, deliver or claim what was erased, and no check of the tables is broken."""
    await plant(others=2)
    assert await count(state, tenant, "select count(*) from review_items where state = 'open'") == 1
    assert await count(state, tenant, "select count(*) from reviewed_answers where state = 'held'") == 1
    await privacy.erasure.erase(tenant, ADA, "officer", WHY)
    assert await count(state, tenant, "select count(*) from review_items where state = 'open'") == 0
    assert await count(state, tenant, "select count(*) from reviewed_answers where state = 'held'") == 0
    assert await count(state, tenant, "select count(*) from review_decisions where reason = 'erased'") == 2
