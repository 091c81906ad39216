"""Every act of control leaves its line, written in the transaction that did it."""

from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.core import audit
from app.core.audit import Line
from app.identity.domain import Principal
from app.ingestion.domain.documents import Upload, upload_options
from app.wiring import State


async def lines_of(state: State, tenant: UUID | None) -> list[Line]:
    async with state.database.read(None) as connection:
        return [line async for line in audit.lines(connection) if line.tenant_id == tenant]


async def actions(state: State, tenant: UUID) -> list[tuple[str, str]]:
    return [(line.action, line.actor) for line in await lines_of(state, tenant)]


async def test_a_new_tenant_is_in_the_log_once(state: State) -> None:
    name = f"tenant-{uuid4().hex}"
    tenant = await state.identity.ensure_tenant(name, "ana")
    await state.identity.ensure_tenant(name, "bob")
    assert await actions(state, tenant) == [("tenant.create", "ana")]


async def test_keys_made_and_revoked_over_http_are_in_the_log_under_the_caller(
    state: State, client: httpx.AsyncClient, tenant: UUID
) -> None:
    made = await client.post("/v1/keys", json={"name": "reader", "roles": ["user", "reviewer"], "groups": ["hr"]})
    prefix = made.json()["prefix"]
    assert (await client.delete(f"/v1/keys/{prefix}")).status_code == 204
    created, revoked = (await lines_of(state, tenant))[-2:]
    assert (created.action, created.actor, created.subject) == ("key.create", "test", f"key {prefix}")
    assert (created.before, created.after) == (None, "reviewer user group:hr")
    assert (revoked.action, revoked.actor, revoked.before) == ("key.revoke", "test", "reviewer user")


async def test_no_line_holds_a_secret(state: State, tenant: UUID) -> None:
    key = await state.identity.create_key(tenant, "reader", ["user"])
    assert key.secret not in str(await lines_of(state, tenant))


async def test_what_failed_left_no_line(state: State, client: httpx.AsyncClient, tenant: UUID) -> None:
    before = await lines_of(state, tenant)
    assert (await client.delete("/v1/keys/nothing")).status_code == 404
    assert (await client.delete(f"/v1/documents/{uuid4()}")).status_code == 404
    assert await lines_of(state, tenant) == before


async def test_an_act_that_cannot_be_written_down_does_not_happen(
    state: State, tenant: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:

    async def unwritable(*_: object) -> int:
        raise DBAPIError.instance("", {}, Exception("the log is away"), Exception)  # type: ignore[return-value]

    monkeypatch.setattr(audit, "record", unwritable)
    with pytest.raises(Exception, match="the log is away"):
        await state.identity.create_key(tenant, "reader", ["user"])
    assert await state.identity.list_keys(tenant) == []


async def test_a_deleted_document_is_in_the_log_without_its_name(state: State, principal: Principal) -> None:
    files = [Upload("secret-plan.md", b"# Plan\n\nThe office moves to the old mill in March next year.")]
    common = upload_options(None, None, {})
    (accepted,) = await state.ingestion.upload(principal, common, files)
    assert accepted.id is not None
    await state.ingestion.delete(principal, accepted.id)
    line = (await lines_of(state, principal.tenant_id))[-1]
    assert (line.action, line.actor, line.subject) == ("document.delete", "test", f"document {accepted.id}")
    assert "secret" not in str(line)


@pytest.mark.parametrize("decision", ["release", "discard"])
async def test_what_was_decided_about_a_held_document_is_in_the_log(
    state: State, principal: Principal, decision: str
) -> None:
    common = upload_options(None, None, {})
    (accepted,) = await state.ingestion.upload(principal, common, [Upload("empty.md", b"  \n ")])
    assert accepted.id is not None
    assert accepted.version is not None
    await state.ingestion.process(principal.tenant_id, accepted.id, accepted.version)
    (entry,) = await state.ingestion.list_quarantine(principal, reason=None, undecided=True, after=None, limit=10)
    await getattr(state.ingestion, decision)(principal, entry.id, "a note that quotes the document")
    line = (await lines_of(state, principal.tenant_id))[-1]
    assert (line.action, line.subject) == (f"quarantine.{decision}", f"quarantine entry {entry.id}")
    assert line.before == entry.reason
    assert "note" not in str(line)


async def test_the_first_index_is_in_the_log(state: State) -> None:
    await state.retrieval.indexes.live()
    made = [line for line in await lines_of(state, None) if line.action == "index.create"]
    assert [(line.actor, line.after) for line in made] == [("app", "live")]


@pytest.mark.parametrize("table", ["audit_log", "approvals", "break_glass_reviews"])
async def test_the_service_may_only_add_to_what_governance_keeps(state: State, table: str) -> None:
    async with state.database.read(None) as connection:
        granted = await connection.execute(
            text(
                "select privilege_type from information_schema.role_table_grants "
                "where table_name = :t and grantee = 'app_service'"
            ),
            {"t": table},
        )
        assert {row[0] for row in granted} == {"SELECT", "INSERT"}
        frozen = text("select count(*) from pg_trigger where tgname = :n and tgenabled = 'O'")
        assert await connection.scalar(frozen, {"n": f"{table}_frozen"}) == 1
