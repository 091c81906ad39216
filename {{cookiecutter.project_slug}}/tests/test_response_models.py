"""The client of the tests notices a response that its route's model does not describe."""

import httpx
import pytest
from fastapi import FastAPI
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel

from app.main import create_app
from app.wiring import State
from tests.response_models import FAILURES, ResponseModels


class CountResponse(BaseModel):
    count: int


def checked_app(body: object) -> ResponseModels:
    app = FastAPI()

    @app.get("/count", response_model=CountResponse)
    async def count() -> Response:
        return JSONResponse(body)

    return ResponseModels(app, [])


@pytest.mark.parametrize(("body", "failures"), [({"count": 1}, 0), ({"count": "many"}, 1), ({}, 1)])
async def test_a_body_that_does_not_match_its_model_is_a_failure(body: object, failures: int) -> None:
    app = checked_app(body)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://service") as client:
        assert (await client.get("/count")).status_code == 200
    assert (app.checked, len(app.failures)) == (1, failures)


@pytest.mark.parametrize(("status", "failures"), [(404, 0), (410, 1)])
async def test_a_failure_that_the_document_does_not_name_is_a_failure_of_the_test(status: int, failures: int) -> None:
    app = FastAPI()

    @app.get("/gone")
    async def gone() -> Response:
        return Response(status_code=status)

    checked = ResponseModels(app, [])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=checked), base_url="http://service") as client:
        await client.get("/gone")
    assert len(checked.failures) == failures


async def test_every_application_that_a_test_makes_checks_its_responses(
    state: State, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.response_models.declared_model", lambda route, status: CountResponse)
    transport = httpx.ASGITransport(app=create_app(state))
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        await client.get("/v1/caller", headers={"Authorization": f"Bearer {key}"})
    assert len(FAILURES) == 1
    FAILURES.clear()
