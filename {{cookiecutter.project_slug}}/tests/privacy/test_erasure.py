import json
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest
from sqlalchemy import text

from app.core.audit import Broken, Verified
from app.core.embedded import Urls
from app.core.reasons import ReasonRequired
from app.identity.domain import KeyInvalid, KeyNotFound
from app.privacy.domain.requests import ErasureScope, PrivacyContentNotFound, PrivacyRequestNotFound, Selection
from app.privacy.service import Privacy
from app.privacy.service.steps import Steps
from app.wiring import State
from benchmarks.harness import work_off
from tests.clock import until
from tests.governance.test_audit_lines import actions
from tests.privacy.conftest import Plant
from tests.privacy.planted import SUBJECT, Garden, dump

WHY = "request 17 of the person"
ADA = Selection("subject", SUBJECT)


async def upload(client: httpx.AsyncClient, state: State, text: str, name: str = "") -> UUID:
    files = {"files": (name or f"{uuid4()}.md", text.encode())}
    reply = await client.post("/v1/documents", files=files, data={"metadata": "{}"})
    await work_off(state)
    return UUID(reply.json()["items"][0]["id"])


async def ask(client: httpx.AsyncClient, question: str, **more: Any) -> dict[str, Any]:
    reply = await client.post("/v1/answers", json={"question": question, **more})
    assert reply.status_code == 200, reply.text
    answer: dict[str, Any] = reply.json()
    return answer


def left(garden: Garden) -> set[str]:
    return garden.found(dump(garden.owner_url)) | garden.found((garden.evals / "golden.jsonl").read_bytes())


@pytest.mark.quick
async def test_nothing_about_a_person_is_left_and_what_must_stay_verifiable_is(
    plant: Plant, privacy: Privacy, state: State, tenant: UUID, database_urls: Urls
) -> None:
    garden = await plant(documents=5, answers=2, others=2)
    assert len(left(garden)) >= 55
    with psycopg.connect(database_urls.owner) as connection:
        before = connection.execute("select count(*), sum(micro_usd) from ledger").fetchall()
    request = await privacy.erasure.erase(tenant, ADA, "officer", WHY)
    assert garden.by_store(left(garden)) == {}
    assert request.state == "done"
    assert request.counters["answers"] >= 4
    assert isinstance(await state.audit.inspect(), Verified)
    acts = Counter(await actions(state, tenant))
    assert acts["privacy.erase", "officer"] == acts["privacy.erased", "officer"] == 1
    assert acts["privacy.scrub", "officer"] == request.counters["audit_log"] > 0
    with psycopg.connect(database_urls.owner) as connection:
        assert connection.execute("select count(*), sum(micro_usd) from ledger").fetchall() == before
        erased = "select count(*) from evaluation_reports where erased_at is not null and digest = any(%s)"
        assert connection.execute(erased, (garden.reports,)).fetchone() == (2,)
    with pytest.raises(PrivacyContentNotFound):
        await privacy.erasure.erase(tenant, ADA, "officer", WHY)


async def test_the_receipt_names_the_person_by_a_hash_also_where_the_reason_names_them(
    plant: Plant, privacy: Privacy, tenant: UUID
) -> None:
    await plant(answers=1)
    done = await privacy.erasure.erase(tenant, ADA, "officer", f"{SUBJECT} asked for it by letter")
    [request, *_] = await privacy.erasure.requests(tenant)
    assert request.id == done.id
    assert request.subject.startswith("hash:")
    assert request.reason == "[the subject] asked for it by letter"
    assert SUBJECT.encode() not in (request.sealed or b"")


async def test_an_erased_answer_is_found_by_nobody_and_its_costs_still_count(
    client: httpx.AsyncClient, privacy: Privacy, tenant: UUID, state: State, key: str
) -> None:
    document = await upload(client, state, "# Weir\n\nThe weir of Tarn was built in 1911 by the engineer Olaf Brand.\n")
    answer = await ask(client, "When was the weir of Tarn built?")
    assert "1911" in answer["text"]
    await privacy.erasure.erase(tenant, Selection("document", str(document)), "officer", WHY)
    assert (await client.get(f"/v1/answers/{answer['id']}")).status_code == 404
    assert (await client.get(f"/v1/documents/{document}")).status_code == 404
    assert "1911" not in (await ask(client, "When was the weir of Tarn built?"))["text"]
    async with state.database.read(tenant) as connection:
        row = (await connection.execute(text("select body from answers where id = :id"), {"id": answer["id"]})).one()
    assert row.body["text"] == ""
    assert row.body["cost_micro_usd"] == answer["cost_micro_usd"]


async def test_a_repeated_request_gets_no_erased_answer(
    client: httpx.AsyncClient, privacy: Privacy, tenant: UUID
) -> None:
    body = {"question": f"Where does {SUBJECT} live?"}
    again = {"Idempotency-Key": uuid4().hex}
    first = (await client.post("/v1/answers", json=body, headers=again)).json()["id"]
    assert (await client.post("/v1/answers", json=body, headers=again)).json()["id"] == first
    await privacy.erasure.erase(tenant, ADA, "officer", WHY)
    assert (await client.post("/v1/answers", json=body, headers=again)).json()["id"] != first


async def test_a_conversation_is_erased_and_another_one_stays(
    client: httpx.AsyncClient, privacy: Privacy, tenant: UUID
) -> None:
    gone = await ask(client, "Is the first lamp lit?", conversation="talk-1")
    stays = await ask(client, "Is the second lamp lit?", conversation="talk-2")
    await privacy.erasure.erase(tenant, Selection("conversation", "talk-1"), "officer", WHY)
    assert (await client.get(f"/v1/answers/{gone['id']}")).status_code == 404
    assert (await client.get(f"/v1/answers/{stays['id']}")).status_code == 200


async def test_what_somebody_asked_goes_and_their_key_stays_or_goes_as_one_says(
    client: httpx.AsyncClient, privacy: Privacy, tenant: UUID, state: State
) -> None:
    key = await state.identity.create_key(tenant, "visitor", ["user"])
    headers = {"Authorization": f"Bearer {key.text}"}
    first = (await client.post("/v1/answers", json={"question": "Is it open?"}, headers=headers)).json()["id"]
    await privacy.erasure.erase(tenant, Selection("asker", "visitor"), "officer", WHY)
    assert (await client.get(f"/v1/answers/{first}")).status_code == 404
    assert (await state.identity.authenticate(key.text)).name == "visitor"
    await privacy.erasure.erase(tenant, Selection("key", key.prefix), "officer", WHY)

    async def rejected() -> bool:
        try:
            await state.identity.authenticate(key.text)
        except KeyInvalid:
            return True
        return False

    await until(rejected)  # what a process has cached ends within a second
    assert "visitor" not in [each.name for each in await state.identity.list_keys(tenant)]


async def test_an_identity_of_the_provider_loses_its_names_and_is_revoked(
    privacy: Privacy, tenant: UUID, state: State, database_urls: Urls
) -> None:
    """Its row stays, for what it did; its tokens and sessions are refused from then on."""
    identity, other = uuid4(), uuid4()
    async with state.database.transaction(tenant) as connection:
        for row, subject in ((identity, SUBJECT), (other, "somebody else")):
            await connection.execute(
                text(
                    "insert into identities "
                    "(id, tenant_id, issuer, subject, name, roles, groups, granted_at, created_at) "
                    "values (:id, :tenant, 'https://id.example', :subject, :subject, '{user}', '{hr}', 1, now())"
                ),
                {"id": row, "tenant": tenant, "subject": subject},
            )
    await privacy.erasure.erase(tenant, ADA, "officer", WHY)
    with psycopg.connect(database_urls.owner) as owner:
        query = "select subject, name, groups, revoked_at is not null from identities where id = %s"
        assert owner.execute(query, [identity]).fetchone() == (f"erased-{identity}", f"erased-{identity}", [], True)
        assert owner.execute(query, [other]).fetchone() == ("somebody else", "somebody else", ["hr"], False)


async def test_a_tenant_is_erased_with_its_key_and_another_one_is_not_touched(
    plant: Plant,
    privacy: Privacy,
    state: State,
    stranger: tuple[UUID, httpx.AsyncClient],
    database_urls: Urls,
    tenant: UUID,
) -> None:
    other, theirs = stranger
    document = await upload(theirs, state, f"# Cellar\n\nThe cellar of {SUBJECT} is deep.\n")
    garden = await plant(documents=3, answers=1)
    await privacy.erasure.erase(tenant, Selection("tenant", str(tenant)), "officer", WHY)
    assert garden.by_store(left(garden)) == {}
    assert (await theirs.get(f"/v1/documents/{document}")).json()["status"] == "published"
    with psycopg.connect(database_urls.owner) as connection:
        query = "select count(*) filter (where wrapped is null), count(*) from tenant_keys where tenant_id = %s"
        assert connection.execute(query, (tenant,)).fetchone() == (1, 1)
        assert connection.execute(query, (other,)).fetchone() == (0, 1)


async def test_a_person_is_erased_from_one_tenant_only(
    client: httpx.AsyncClient, privacy: Privacy, tenant: UUID, stranger: tuple[UUID, httpx.AsyncClient]
) -> None:
    await ask(client, f"Where is {SUBJECT}?")
    theirs = await ask(stranger[1], f"Where is {SUBJECT}?")
    await privacy.erasure.erase(tenant, ADA, "officer", WHY)
    assert (await stranger[1].get(f"/v1/answers/{theirs['id']}")).status_code == 200


async def test_somebody_who_only_reviewed_is_replaced_by_a_pseudonym(
    plant: Plant, privacy: Privacy, tenant: UUID, state: State
) -> None:
    garden = await plant(others=2)
    async with state.database.read(tenant) as connection:
        seen = (await connection.execute(text("select seen_by from review_items"))).scalars().all()
    assert any(SUBJECT in name for names in seen for name in names)
    await privacy.erasure.erase(tenant, ADA, "officer", WHY)
    async with state.database.read(tenant) as connection:
        after = (await connection.execute(text("select seen_by from review_items"))).scalars().all()
    assert all(names[0].startswith("erased-") and names[1] == "somebody else" for names in after)
    assert garden.by_store(left(garden)) == {}


@pytest.mark.parametrize(
    ("selection", "error", "says"),
    [
        (
            Selection("subject", "Nobody Whatever"),
            PrivacyContentNotFound,
            "Nothing of this tenant belongs to the subject",
        ),
        (Selection("document", str(uuid4())), PrivacyContentNotFound, "Nothing of this tenant belongs to the document"),
        (Selection("document", "twelve"), PrivacyContentNotFound, "is not the id of a document"),
        (
            Selection("conversation", "none"),
            PrivacyContentNotFound,
            "Nothing of this tenant belongs to the conversation",
        ),
        (Selection("asker", "nobody"), KeyNotFound, "no key with the name 'nobody'"),
        (Selection("key", "zzzzzzzzzzzz"), KeyNotFound, "no key with the prefix"),
    ],
)
async def test_what_is_not_there_is_said_in_a_sentence_and_leaves_no_receipt(
    privacy: Privacy, tenant: UUID, selection: Selection, error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        await privacy.erasure.erase(tenant, selection, "officer", WHY)
    assert await privacy.erasure.requests(tenant) == []


async def test_a_document_of_another_tenant_is_not_found(
    privacy: Privacy, state: State, stranger: tuple[UUID, httpx.AsyncClient], tenant: UUID
) -> None:
    document = await upload(stranger[1], state, "# Loft\n\nThe loft holds the old sails of the boat.\n")
    with pytest.raises(PrivacyContentNotFound):
        await privacy.erasure.erase(tenant, Selection("document", str(document)), "officer", WHY)


async def test_an_erasure_needs_a_reason(privacy: Privacy, tenant: UUID) -> None:
    with pytest.raises(ReasonRequired):
        await privacy.erasure.erase(tenant, ADA, "officer", "??")


async def test_a_preview_says_how_much_it_is_and_changes_nothing(plant: Plant, privacy: Privacy, tenant: UUID) -> None:
    garden = await plant(documents=3, answers=2)
    before = left(garden)
    found = await privacy.erasure.preview(tenant, ADA)
    assert found["answers"] == 2
    assert found["documents"] >= 2
    assert left(garden) == before


Step = Callable[..., Awaitable[int]]


async def test_an_interrupted_erasure_says_running_and_is_finished_by_the_next_sweep(
    plant: Plant, privacy: Privacy, tenant: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before each step that is like no other, and some of those for rows; what was counted is not counted twice."""
    garden = await plant(documents=2, answers=1, others=1)
    every = privacy.erasure.steps.steps
    names = [name for name, _ in every]
    alone = [name for name, step in every if not isinstance(step, partial)]
    assert alone[-1] == names[-1]
    broken = {"before": names[0]}
    steps = Steps.steps.fget  # type: ignore[attr-defined]

    def breaking(self: Steps) -> list[tuple[str, Step]]:
        async def fail(*_: object) -> int:
            raise ConnectionError

        return [(name, fail if name == broken["before"] else step) for name, step in steps(self)]

    monkeypatch.setattr(Steps, "steps", property(breaking))
    with pytest.raises(ConnectionError):
        await privacy.erasure.erase(tenant, ADA, "officer", WHY)
    [request] = await privacy.erasure.requests(tenant)
    assert request.id in {each.id for each in await privacy.erasure.tombstones.read()}
    for name in sorted({*alone, *names[1::5]}, key=names.index):
        broken["before"] = name
        with pytest.raises(ConnectionError):
            await privacy.erasure.resume(tenant, request.id)
        assert (await privacy.erasure.find(tenant, request.id)).state == "running"
    monkeypatch.undo()
    await privacy.upkeep.sweep()
    finished = await privacy.erasure.find(tenant, request.id)
    assert finished.state == "done"
    assert set(finished.counters) == set(names)
    assert garden.by_store(left(garden)) == {}
    assert await privacy.erasure.resume(tenant, request.id) == finished


async def test_a_receipt_is_not_done_while_something_is_left(
    plant: Plant, privacy: Privacy, tenant: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is written while the erasure runs is found by the next pass."""
    garden = await plant(answers=1)
    original, late = privacy.erasure.search.rest, []

    async def write_first(*arguments: Any) -> dict[str, int]:
        if not late:
            late.append(await ask(garden.client, f"Has {garden.word('answers.question')} come back?"))
        return await original(*arguments)

    monkeypatch.setattr(type(privacy.erasure.search), "rest", lambda self, *arguments: write_first(*arguments))
    request = await privacy.erasure.new_request("erase", tenant, ADA, ErasureScope(pattern=ADA.pattern), "officer", WHY)
    await privacy.erasure.receive(request)
    done = await privacy.erasure.resume(tenant, request.id)
    assert done.state == "done"
    assert garden.by_store(left(garden)) == {}


async def test_a_receipt_is_not_done_while_a_name_of_who_acted_is_left(
    plant: Plant, privacy: Privacy, tenant: UUID, state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who claims an item while the erasure runs leaves nothing but their name."""
    await plant(others=1)
    original, late = type(privacy.erasure.search).rest, []

    async def claim_first(*arguments: Any) -> dict[str, int]:
        if not late:
            late.append(SUBJECT)
            async with state.database.transaction(tenant) as connection:
                await connection.execute(text("update review_items set seen_by = :who"), {"who": late})
        return await original(*arguments)

    request = await privacy.erasure.new_request("erase", tenant, ADA, ErasureScope(pattern=ADA.pattern), "officer", WHY)
    await privacy.erasure.receive(request)
    monkeypatch.setattr(type(privacy.erasure.search), "rest", claim_first)
    assert (await privacy.erasure.resume(tenant, request.id)).state == "done"
    async with state.database.read(tenant) as connection:
        names = (await connection.execute(text("select unnest(seen_by) from review_items"))).scalars().all()
    assert names
    assert not [name for name in names if SUBJECT in name]


async def test_an_unknown_request_is_not_resumed(privacy: Privacy, tenant: UUID) -> None:
    with pytest.raises(PrivacyRequestNotFound):
        await privacy.erasure.resume(tenant, uuid4())


async def test_an_edit_of_a_line_whose_text_was_erased_is_still_found(
    plant: Plant, privacy: Privacy, tenant: UUID, state: State, database_urls: Urls
) -> None:
    await plant(others=1)
    await privacy.erasure.erase(tenant, ADA, "officer", WHY)
    query = "select sequence, reason from audit_log where reason like 'erased-%%' and tenant_id = %s"
    with psycopg.connect(database_urls.owner) as connection:
        row = connection.execute(query, (tenant,)).fetchone()
        assert row
        for reason, broken in (("nothing of note", True), (row[1], False)):
            connection.execute("alter table audit_log disable trigger audit_log_frozen")
            connection.execute("update audit_log set reason = %s where sequence = %s", (reason, row[0]))
            connection.execute("alter table audit_log enable trigger audit_log_frozen")
            connection.commit()
            found = await state.audit.inspect()
            assert isinstance(found, Broken) == broken
            assert not isinstance(found, Broken) or found.sequence == row[0]


@pytest.mark.parametrize(
    "statement",
    [
        "update review_decisions set reason = 'other'",
        "update audit_log set reason = 'other'",
        "update evaluation_reports set content = ''",
        "delete from review_decisions",
        "delete from answers",
    ],
)
async def test_the_service_cannot_change_what_is_append_only_whatever_it_sets(
    database_urls: Urls, statement: str
) -> None:
    table = statement.split()[2 if statement.startswith("delete") else 1]
    with psycopg.connect(database_urls.service) as connection:
        connection.execute("select set_config('app.erasing', %s, true)", (table,))
        with pytest.raises(psycopg.Error):
            connection.execute(statement.encode())


async def test_an_export_holds_everything_and_leaves_a_receipt(plant: Plant, privacy: Privacy, tenant: UUID) -> None:
    garden = await plant(documents=3, answers=2, others=1)
    lines = [line async for line in privacy.export.export(tenant, ADA, "officer", "a request to see it")]
    exported = garden.found(b"".join(lines))
    rows = [json.loads(line) for line in lines]
    apart = {"audit_log", "procrastinate_jobs", "evaluation_reports", "evals", "reviewed_answers.asker"}
    missing = {garden.words[word] for word in left(garden) - exported}
    assert {name for name in missing if name not in apart and not name.endswith(("asker", "seen_by"))} == set()
    assert rows[-1]["receipt"]["counters"]["answers"] == 3
    assert {row["store"] for row in rows[:-1]} >= {"answers", "documents", "chunks", "feedback", "files", "tickets"}
    [request] = await privacy.erasure.requests(tenant)
    assert (request.kind, request.state, request.sealed) == ("export", "done", None)
