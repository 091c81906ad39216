from collections.abc import Iterator

import httpx
import pytest

from app.core.embedded import Urls
from app.core.telemetry import configure_tracing, shutdown_tracing
from app.main import create_app
from app.settings import Settings
from app.wiring import build
from tests.inference.conftest import Service

TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture
def traced() -> Iterator[None]:
    configure_tracing("none", 1.0, "test", "0", None)
    yield
    shutdown_tracing()


@pytest.mark.usefixtures("traced")
async def test_one_trace_id_joins_the_caller_the_answer_and_the_call_to_the_model(service: Service) -> None:
    headers = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}
    answer = (await service.ask("Who built the lighthouse of Karlen?", headers=headers)).json()
    assert answer["trace_id"] == TRACE
    assert service.model.calls[0].headers["traceparent"].split("-")[1] == TRACE


async def test_a_refusal_can_be_seen_in_the_metrics(client: httpx.AsyncClient) -> None:
    await client.get("/v1/answers/00000000-0000-0000-0000-000000000000")
    metrics = (await client.get("/metrics")).text
    assert 'app_problems_total{code="answer_not_found"}' in metrics
    assert 'route="/v1/answers/{answer_id}",status="404"' in metrics


async def test_the_service_says_which_dependency_is_down(settings: Settings, nowhere: Urls) -> None:
    async with build(settings, nowhere) as state:
        transport = httpx.ASGITransport(app=create_app(state))
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            assert (await client.get("/health/live")).status_code == 200
            ready = await client.get("/health/ready")
    assert ready.status_code == 503
    assert ready.json()["checks"]["database"] != "ok"
