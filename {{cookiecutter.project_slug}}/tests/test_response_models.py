"""The client of the tests notices a response that its route's model does not describe."""

import httpx
import pytest
from fastapi import FastAPI
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel

from tests.response_models import ResponseModels


class CountResponse(BaseModel):
    count: int


def checked_app(body: object) -> ResponseModels:
    app = FastAPI()

    @app.get("/count", response_model=CountResponse)
    async def count() -> Response:
        return JSONResponse(body)

    return ResponseModels(app)


@pytest.mark.parametrize(("body", "failures"), [({"count": 1}, 0), ({"count": "many"}, 1), ({}, 1)])
async def test_a_body_that_does_not_match_its_model_is_a_failure(body: object, failures: int) -> None:
    app = checked_app(body)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://service") as client:
        assert (await client.get("/count")).status_code == 200
    assert (app.checked, len(app.failures)) == (1, failures)
