from uuid import UUID

import httpx

from app.wiring import State


async def test_the_current_release_shows_its_manifest_and_the_text_of_its_parts(client: httpx.AsyncClient) -> None:
    shown = (await client.get("/v1/releases/current")).json()
    prompt = shown["manifest"]["prompts"]["answer"]
    assert "NO ANSWER" in shown["parts"][prompt]
    assert shown["manifest"]["policies"].keys() >= {"cost", "data", "security", "slo", "ownership"}
    assert shown["id"].startswith(shown["short"])


async def test_a_release_is_shown_by_id_and_by_its_first_digits(client: httpx.AsyncClient) -> None:
    current = (await client.get("/v1/releases/current")).json()
    assert (await client.get(f"/v1/releases/{current['id']}")).json() == current
    assert (await client.get(f"/v1/releases/{current['short']}")).json() == current


async def test_an_unknown_release_is_missing(client: httpx.AsyncClient) -> None:
    response = await client.get(f"/v1/releases/{'0' * 64}")
    assert (response.status_code, response.json()["code"]) == (404, "release_missing")


async def test_a_plain_user_may_not_look_at_releases(client: httpx.AsyncClient, state: State, tenant: UUID) -> None:
    key = (await state.identity.create_key(tenant, "plain", ["user"])).text
    response = await client.get("/v1/releases/current", headers={"Authorization": f"Bearer {key}"})
    assert (response.status_code, response.json()["code"]) == (403, "permission_missing")
