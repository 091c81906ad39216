import hashlib
from collections.abc import AsyncIterator
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio

from app.core.jobs import Worker
from app.evaluation.domain.report import Report
from app.evaluation.service import Evaluations
from app.main import create_app
from app.wiring import State
from tests.evaluation.sample_reports import report
from tests.evaluation.service.test_rendering import HOSTILE, Page


@pytest_asyncio.fixture
async def operator(service: State) -> AsyncIterator[httpx.AsyncClient]:
    tenant = await service.identity.ensure_tenant("routes")
    key = await service.identity.create_key(tenant, "grace", ["service"])
    async with client_of(service, key.text) as client:
        yield client


def client_of(service: State, key: str) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=create_app(service), raise_app_exceptions=False)
    headers = {"Authorization": f"Bearer {key}"}
    return httpx.AsyncClient(transport=transport, base_url="http://service", headers=headers)


@pytest.fixture
def path() -> str:
    return "/v1/releases/{}/evaluations"


async def test_an_operator_evaluates_a_release_and_reads_the_report(
    service: State, operator: httpx.AsyncClient, path: str
) -> None:
    release = await service.releases.create("ada", changes={"retrieval.exact_chunks": 2990})
    begun = await operator.post(path.format(release.number))
    assert begun.status_code == 202
    assert (begun.json()["status"], begun.json()["actor"]) == ("queued", "grace")
    address = f"/v1/evaluations/{begun.json()['id']}"
    early = await operator.get(f"{address}/report.json")
    assert (early.status_code, early.json()["code"]) == (409, "evaluation_unfinished")
    await Worker(service.database, service.jobs, concurrency=1).run(wait=False)
    ended = (await operator.get(address)).json()
    assert (ended["status"], ended["done"]) == ("done", ended["total"])
    report = await operator.get(f"{address}/report.json")
    assert hashlib.sha256(report.content).hexdigest() == ended["report"]
    markdown = await operator.get(f"{address}/report.md")
    assert markdown.headers["content-type"].startswith("text/markdown")
    assert ended["verdict"] in markdown.text
    page = await operator.get(f"{address}/report.html")
    assert page.headers["content-type"].startswith("text/html")
    listed = (await operator.get("/v1/evaluations", params={"release_id": release.id})).json()
    assert [each["id"] for each in listed["items"]] == [ended["id"]]


async def test_nothing_that_a_case_says_is_executed_by_whoever_opens_the_report(
    operator: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hostile(*_: object) -> Report:
        return report(loss=0.3, question=HOSTILE)

    monkeypatch.setattr(Evaluations, "report_visible_to", hostile)
    reply = await operator.get(f"/v1/evaluations/{uuid4()}/report.html")
    page = Page(reply.text)
    assert HOSTILE in page.text
    assert {"script", "img"}.isdisjoint({tag for tag, _ in page.elements})
    rules = dict(rule.split(" ", 1) for rule in reply.headers["content-security-policy"].split("; "))
    assert rules.pop("style-src").startswith("'sha256-")
    assert rules == dict.fromkeys(("default-src", "base-uri", "form-action", "frame-ancestors"), "'none'")
    assert reply.headers["x-content-type-options"] == "nosniff"


async def test_a_user_may_neither_evaluate_nor_read(service: State, path: str) -> None:
    tenant = await service.identity.ensure_tenant("routes")
    key = await service.identity.create_key(tenant, "user", ["user"])
    async with client_of(service, key.text) as client:
        for reply in (await client.post(path.format(1)), await client.get("/v1/evaluations")):
            assert (reply.status_code, reply.json()["code"]) == (403, "permission_missing")


async def test_what_does_not_exist_is_404(service: State, operator: httpx.AsyncClient, path: str) -> None:
    release = await service.releases.create("ada")
    assert (await operator.post(path.format("99999999"))).json()["code"] == "release_not_found"
    unknown = await operator.post(path.format(release.id), json={"suite": "silver"})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "suite_not_found")
    missing = await operator.get("/v1/evaluations/00000000-0000-0000-0000-000000000000")
    assert (missing.status_code, missing.json()["code"]) == (404, "evaluation_not_found")
