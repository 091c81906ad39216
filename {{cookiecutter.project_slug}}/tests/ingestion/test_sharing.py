"""Access lists that follow the source: who may read documents is changed without uploading them again."""

from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import text

from app.core.audit import verify
from app.ingestion.repository import attempts
from app.wiring import State
from tests.ingestion.conftest import OpenKey, Send
from tests.samples import total

LAMPS = b"# Lamps\n\nThe lamp at the harbour is lit at dusk by the keeper, every day.\n"
DESKS = b"# Desks\n\nThe desk of the keeper is made of oak and stands below the tower.\n"
ROPES = b"# Ropes\n\nThe ropes of the harbour are bought in spring from the mill.\n"
QUESTION = {"question": "When is the lamp at the harbour lit?", "model": "extractive"}


async def set_list(key: httpx.AsyncClient, rules: dict[str, list[str]], source: str = "upload") -> httpx.Response:
    listed = [{"uri": uri, "access_groups": groups} for uri, groups in rules.items()]
    return await key.put("/v1/sources/access", json={"source": source, "rules": listed})


async def changes(state: State, tenant: UUID) -> list[tuple[str, str, str, str]]:
    async with state.database.transaction(tenant) as connection:
        rows = await connection.execute(
            text(
                "select action, reason, before, after from audit_log "
                "where tenant_id = :tenant and action like '%.readers' order by sequence"
            ),
            {"tenant": tenant},
        )
        return [tuple(row) for row in rows]


async def test_a_revocation_counts_at_the_next_request_for_everything_derived(
    ingest: Send, open_key: OpenKey, state: State, tenant: UUID
) -> None:
    (lamps,) = await ingest(("lamps.md", LAMPS))
    hr, none = await open_key("hr"), await open_key()
    headers = {"Idempotency-Key": "one"}
    answer = await none.post("/v1/answers", json=QUESTION, headers=headers)
    assert "dusk" in answer.text
    path, answered = f"/v1/documents/{lamps['id']}/access", f"/v1/answers/{answer.json()['id']}"
    before = total("app_document_access_changes_total")
    closed = await hr.put(path, json={"access_groups": ["hr"]})
    assert total("app_document_access_changes_total") == before + 1
    assert closed.json() == {"documents": 1, "changed": 1, "opened": 0, "warnings": []}
    replies = [
        await none.get(answered),
        await none.post(f"{answered}/replay"),
        await none.post("/v1/answers", json=QUESTION, headers=headers),
        await none.post("/v1/search", json={"query": "lamp harbour"}),
        await none.get(f"/v1/documents/{lamps['id']}"),
    ]
    assert not [reply.text for reply in replies if "dusk" in reply.text or "Lamps" in reply.text]
    assert "dusk" in (await hr.get(answered)).text
    again = await hr.put(path, json={"access_groups": ["hr", "hr"]})
    assert again.json()["changed"] == 0
    opened = await hr.put(path, json={"access_groups": []})
    assert opened.json()["opened"] == 1
    assert "everything derived" in opened.json()["warnings"][0]
    assert "dusk" in (await none.get(answered)).text
    assert await changes(state, tenant) == [
        ("document.readers", "", "everybody", "hr"),
        ("document.readers", "opened to more readers", "hr", "everybody"),
    ]


async def test_a_document_is_opened_only_by_a_key_that_may_read_it(ingest: Send, open_key: OpenKey) -> None:
    (lamps,) = await ingest(("lamps.md", LAMPS), access_groups="hr")
    none, lab = await open_key(), await open_key("lab")
    path = f"/v1/documents/{lamps['id']}/access"
    assert (await none.put(path, json={"access_groups": []})).status_code == 404
    for rules in ({"lamps.md": []}, {"*": ["lab", "hr"]}):
        refused = await set_list(lab, rules)
        assert (refused.status_code, refused.json()["code"]) == (403, "readers_not_yours")
    assert (await lab.get("/v1/sources/access")).json()["rules"] == []
    user = await open_key("hr", role="user")
    assert (await user.put(path, json={"access_groups": []})).status_code == 403


async def test_the_documents_of_a_source_follow_its_list_all_or_none(
    ingest: Send, open_key: OpenKey, state: State, tenant: UUID
) -> None:
    _, _, ropes = await ingest(("lamps.md", LAMPS), ("desks.md", DESKS), ("ropes.md", ROPES))
    await ingest(("secret.md", LAMPS + b"And nobody knows."), access_groups="board")
    hr, none = await open_key("hr"), await open_key()
    changed = await set_list(hr, {"lamps.md": ["hr"], "desks.md": ["hr", "lab"], "missing.md": []})
    assert changed.json() == {"documents": 2, "changed": 2, "opened": 0, "warnings": []}
    assert [len((await key.get("/v1/documents")).json()["items"]) for key in (hr, none)] == [3, 1]
    # One of them may not be opened by this key, so that no other one is closed.
    assert (await set_list(hr, {"ropes.md": ["hr"], "secret.md": []})).status_code == 403
    assert (await none.get(f"/v1/documents/{ropes['id']}")).status_code == 200
    same = await set_list(hr, {"lamps.md": ["hr"], "desks.md": ["hr", "lab"], "missing.md": []})
    assert same.json()["changed"] == 0
    listed = (await hr.get("/v1/sources/access", params={"source": "upload"})).json()
    assert [(rule["uri"], rule["access_groups"]) for rule in listed["rules"]] == [
        ("desks.md", ["hr", "lab"]),
        ("lamps.md", ["hr"]),
        ("missing.md", []),
    ]
    assert listed["set_by"] == "operator of ('hr',)"
    assert [each[0] for each in await changes(state, tenant)].count("source.readers") == 1
    async with state.database.transaction(None) as connection:
        await verify(connection)


async def test_a_new_document_follows_the_list_of_its_source(open_key: OpenKey) -> None:
    hr = await open_key("hr")
    await set_list(hr, {"*": ["staff"], "personnel/": ["hr"], "personnel/menu.md": []})
    found = [
        (await hr.post("/v1/documents", files={"files": (name, data)}, data={"uri": uri, **form})).json()["items"][0]
        for name, data, uri, form in (
            ("plan.md", LAMPS, "personnel/plan.md", {}),
            ("menu.md", DESKS, "personnel/menu.md", {}),
            ("other.md", ROPES, "other.md", {}),
            ("own.md", LAMPS + b"More.", "own.md", {"access_groups": "lab"}),
        )
    ]
    assert [each["access_groups"] for each in found] == [["hr"], [], ["staff"], ["lab"]]


async def test_documents_of_the_same_content_may_come_to_have_the_same_readers(ingest: Send, open_key: OpenKey) -> None:
    """The content of a source stands once for each set of groups, until a list says otherwise."""
    (one,) = await ingest(("one.md", LAMPS), access_groups="hr")
    (other,) = await ingest(("other.md", LAMPS), access_groups="lab")
    both = await open_key("hr", "lab")
    for rules in ({"*": ["hr"]}, {"one.md": ["lab"], "other.md": ["hr"]}, {"one.md": ["hr"], "other.md": ["lab"]}):
        assert (await set_list(both, rules)).status_code == 200, rules
    assert [(await both.get(f"/v1/documents/{each['id']}")).json()["access_groups"] for each in (one, other)] == [
        ["hr"],
        ["lab"],
    ]
    assert (await set_list(both, {"*": ["lab"]})).json()["changed"] == 1


async def test_a_change_while_a_version_is_processed_is_not_lost(
    send: Send, work: Any, open_key: OpenKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The attempt has read the groups before; it publishes with those of the moment."""
    hr, none = await open_key("hr"), await open_key()
    (lamps,) = await send(("lamps.md", LAMPS))
    lock, done = attempts.lock_current, []

    async def after_the_change(*arguments: Any) -> Any:
        if not done:
            done.append(await set_list(hr, {"lamps.md": ["hr"]}))
        return await lock(*arguments)

    monkeypatch.setattr(attempts, "lock_current", after_the_change)
    await work()
    assert done[0].json()["changed"] == 1
    assert (await hr.get(f"/v1/documents/{lamps['id']}")).json()["status"] == "published"
    assert "dusk" not in (await none.post("/v1/search", json={"query": "lamp harbour"})).text
    assert "dusk" in (await hr.post("/v1/search", json={"query": "lamp harbour"})).text
