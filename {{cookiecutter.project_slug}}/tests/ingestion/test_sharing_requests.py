"""Requests about readers that are refused, with their codes, and that they change nothing."""

from typing import Any
from uuid import UUID, uuid4

import httpx

from app.identity.domain import KeyTerms
from app.ingestion.domain.access_lists import MAX_GROUPS, MAX_RULES
from app.main import create_app
from app.wiring import State
from tests.ingestion.conftest import OpenKey, Send
from tests.ingestion.test_sharing import LAMPS, set_list


def rules(*named: tuple[str, list[str]]) -> list[dict[str, Any]]:
    return [{"uri": uri, "access_groups": groups} for uri, groups in named]


LISTS: list[tuple[dict[str, Any], str]] = [
    ({"rules": rules(("", []))}, "invalid"),
    ({"rules": rules(("x" * 1001, []))}, "invalid"),
    ({"rules": rules(("a", ["hr"]), ("a", []))}, "bad_access_list"),
    ({"rules": rules(("a", ["not a group"]))}, "bad_access_list"),
    ({"rules": rules(("a", ["!nobody"]))}, "bad_access_list"),
    ({"rules": rules(("a\n", []))}, "bad_access_list"),
    ({"rules": rules(("a\0", []))}, "invalid"),
    ({"rules": rules(("a", ["hr"] * (MAX_GROUPS + 1)))}, "invalid"),
    ({"rules": rules(*[(str(number), []) for number in range(MAX_RULES + 1)])}, "invalid"),
    ({"rules": [{"uri": "a"}]}, "invalid"),
    ({"rules": {"a": []}}, "invalid"),
    ({"rules": [], "everybody": True}, "invalid"),
    ({"rules": [], "source": ""}, "invalid"),
    ({"rules": [], "source": "no\ttabs"}, "bad_upload"),
]


async def test_a_list_that_is_refused_leaves_the_old_one(ingest: Send, open_key: OpenKey) -> None:
    (lamps,) = await ingest(("lamps.md", LAMPS))
    hr, path = await open_key("hr"), f"/v1/documents/{lamps['id']}/access"
    await set_list(hr, {"lamps.md": ["hr"]})
    for changed, code in LISTS:
        reply = await hr.put("/v1/sources/access", json={"source": "upload", **changed})
        assert (reply.is_client_error, reply.json()["code"]) == (True, code), (str(changed)[:100], reply.text)
    for groups, code in ((["a b"], "bad_access_list"), (["hr"] * (MAX_GROUPS + 1), "invalid"), (None, "invalid")):
        reply = await hr.put(path, json={"access_groups": groups})
        assert (reply.is_client_error, reply.json()["code"]) == (True, code), (groups, reply.text)
    missing = await hr.put(f"/v1/documents/{uuid4()}/access", json={"access_groups": []})
    assert (missing.status_code, missing.json()["code"]) == (404, "document_not_found")
    assert (await hr.get("/v1/sources/access", params={"source": "no\ttabs"})).json()["code"] == "bad_upload"
    listed = (await hr.get("/v1/sources/access")).json()["rules"]
    assert listed == [{"uri": "lamps.md", "access_groups": ["hr"]}]
    assert (await hr.get(f"/v1/documents/{lamps['id']}")).json()["access_groups"] == ["hr"]


async def test_another_tenant_neither_sees_nor_changes_a_list(
    ingest: Send, open_key: OpenKey, state: State, tenant: UUID
) -> None:
    (lamps,) = await ingest(("lamps.md", LAMPS), access_groups="hr")
    hr = await open_key("hr")
    await set_list(hr, {"lamps.md": ["hr", "lab"]})
    other_tenant = await state.identity.ensure_tenant(f"other-{uuid4()}")
    key = await state.identity.create_key(other_tenant, "other", ["admin"], ["hr", "lab"], terms=KeyTerms())
    transport = httpx.ASGITransport(app=create_app(state), raise_app_exceptions=False)
    headers = {"Authorization": f"Bearer {key.text}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://service", headers=headers) as other:
        assert (await other.get("/v1/sources/access")).json()["rules"] == []
        opened = await other.put(f"/v1/documents/{lamps['id']}/access", json={"access_groups": []})
        assert opened.status_code == 404
        assert (await set_list(other, {"lamps.md": [], "*": []})).json()["documents"] == 0
        assert (await set_list(other, {})).status_code == 200
    listed = (await hr.get("/v1/sources/access")).json()
    assert listed["rules"] == [{"uri": "lamps.md", "access_groups": ["hr", "lab"]}]
    assert (await hr.get(f"/v1/documents/{lamps['id']}")).json()["access_groups"] == ["hr", "lab"]
