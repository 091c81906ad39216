import httpx
import pytest

from app.core.embedded import Urls
from app.core.errors import StartRefused
from app.main import create_app
from app.settings import Settings
from app.wiring import State, build, check
from tests.conftest import adopt
from tests.inference.conftest import TOWER, Open
from tests.mistakes.conftest import Change

WHO = "Who built the lighthouse of Karlen?"


async def test_a_number_in_a_policy_changes_what_the_service_does(
    settings: Settings, state: State, database_urls: Urls, key: str, change: Change
) -> None:
    root = change("security", "question_characters: 2000", "question_characters: 12")
    try:
        async with build(settings.model_copy(update={"root": root}), database_urls) as changed:
            await adopt(changed)
            transport = httpx.ASGITransport(app=create_app(changed))
            headers = {"Authorization": f"Bearer {key}"}
            async with httpx.AsyncClient(transport=transport, base_url="http://service", headers=headers) as client:
                reply = await client.post("/v1/answers", json={"question": WHO})
    finally:
        await adopt(state)
    assert (reply.status_code, reply.json()["code"]) == (422, "question_too_long")
    assert "12 characters" in reply.json()["detail"]


@pytest.mark.parametrize(("models", "writer"), [(0, "extractive"), (1, "stand-in")])
async def test_who_writes_the_answer_is_a_setting(open_service: Open, models: int, writer: str) -> None:
    service = await open_service(models=models)
    await service.publish(TOWER)
    answer = (await service.ask(WHO)).json()
    assert (answer["status"], answer["model"]) == ("answered", writer)
    assert answer["citations"][0]["quote"] in TOWER


def test_a_rule_that_nothing_enforces_stops_the_start(settings: Settings, change: Change) -> None:
    root = change("security", "question_characters: 2000", "question_characters: 1900")
    check(settings.model_copy(update={"root": root}))
    (root / "policies" / "wishes.yaml").write_text("owner: somebody\n", encoding="utf-8")
    with pytest.raises(StartRefused, match=r"wishes\.yaml.*no part of the service enforces"):
        check(settings.model_copy(update={"root": root}))
