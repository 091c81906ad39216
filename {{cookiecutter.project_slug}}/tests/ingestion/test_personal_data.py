"""Documents with personal data: kept, flagged, masked before they are stored in the index, or held back."""

from typing import Any

import httpx
import pytest
from sqlalchemy import text

from app.safety.domain.personal_data import PersonalDataProtection, PersonalDataRules
from app.wiring import State

MAIL, PHONE = "jane@acme.example", "+49 30 2312 5414"
TEXT = f"""# Contact of {MAIL}

The keeper of the tower answers at {PHONE} from dusk to dawn.

## Lamp

It is lit at dusk."""
NAME = "contact.md"


@pytest.fixture
def policy(state: State, monkeypatch: pytest.MonkeyPatch) -> Any:
    def choose(action: str) -> None:
        rules = PersonalDataRules.model_validate({"documents": action})
        deps = state.ingestion.deps
        monkeypatch.setattr(type(deps), "personal_data", property(lambda _: PersonalDataProtection(rules)))

    return choose


async def passages(client: httpx.AsyncClient, query: str) -> str:
    reply = await client.post("/v1/search", json={"query": query})
    return str(reply.json())


async def test_by_default_a_document_is_flagged_and_served_without_a_warning_to_readers(ingest, client) -> None:
    [document] = await ingest((NAME, TEXT.encode()))
    assert document["status"] == "published"
    found = {each["rule"]: each["detail"] for each in document["findings"]}
    assert found == {
        "personal_data.email": "contains e-mail addresses",
        "personal_data.phone": "contains telephone numbers",
    }
    assert document["flagged"] is False
    assert PHONE in await passages(client, "keeper of the tower")


async def test_a_masked_document_has_no_value_in_the_index_and_its_offsets_hold(ingest, client, policy, state) -> None:
    policy("mask")
    [document] = await ingest((NAME, TEXT.encode()), metadata='{"author": "joe@acme.example"}')
    assert document["status"] == "published"
    served = await passages(client, "keeper of the tower") + await passages(client, "lamp lit at dusk")
    assert [each for each in (MAIL, PHONE, "joe@acme") if each in served + str(document)] == []
    assert "[phone" in served
    assert "Lamp" in served
    assert {each["rule"] for each in document["findings"]} == {"personal_data.email", "personal_data.phone"}


async def test_the_names_of_columns_are_masked_too(ingest, policy, state, tenant) -> None:
    policy("mask")
    await ingest(("contacts.csv", f"place;{MAIL}\ntower;from dusk to dawn\n".encode()))
    async with state.database.read(tenant) as connection:
        columns = (await connection.execute(text("select columns from document_versions"))).scalar_one()
    assert columns[0] == "place"
    assert "[email" in columns[1]
    assert MAIL not in columns[1]


async def test_a_document_that_is_held_back_says_why_and_is_published_once_released(
    ingest, client, policy, work
) -> None:
    policy("quarantine")
    [document] = await ingest((NAME, TEXT.encode()))
    assert (document["status"], document["quarantine"]["reason"]) == ("quarantined", "personal_data")
    assert "contains e-mail addresses; contains telephone numbers" in document["quarantine"]["detail"]
    assert MAIL not in str(document["quarantine"])
    entry = document["quarantine"]["id"]
    released = await client.post(f"/v1/quarantine/{entry}/release", json={"note": "agreed with Jane"})
    assert released.status_code < 300, released.text
    await work()
    assert (await client.get(f"/v1/documents/{document['id']}")).json()["status"] == "published"


async def test_a_document_that_is_kept_has_no_finding(ingest, policy) -> None:
    policy("keep")
    [document] = await ingest((NAME, TEXT.encode()))
    assert document["findings"] == []
