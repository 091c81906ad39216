"""A fault in the running service sets off the alert that is about it, and no other."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest

from app.adapters.chat.standin import Fault
from app.core.background import background
from app.core.embedded import Urls
from app.core.jobs import Attempt, JobSpec, Worker, enqueue
from app.core.objectives import Objectives
from app.core.slo import SloPolicy
from app.costs.domain.budgets import SERVICE
from app.costs.service.budget_limits import USED
from app.monitoring.domain.drift.drift_policy import DriftPolicy
from app.monitoring.domain.indicators import INDICATORS
from app.monitoring.domain.rules import alerts_of
from app.monitoring.service.data_health import UNHEALTHY
from app.monitoring.service.drift_analysis import DRIFTED
from app.retrieval.service.retrieval import Retrieval
from benchmarks.alert_drill import Scrape, firing, over_time
from tests.clock import until
from tests.conftest import ROOT
from tests.inference.conftest import Service, house, open_service, quoting, service, shared_services
from tests.monitoring.test_dashboards import selectors

__all__ = ["house", "open_service", "quoting", "service", "shared_services"]

pytestmark = [
    pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed"),
    pytest.mark.slow,
]

RULES = sorted((ROOT / "monitoring" / "rules").glob("*.yaml"))
ON_TOPIC, OFF_TOPIC = "Who built the lighthouse of Karlen?", "Which planets have rings?"
PER_MINUTE = 6
DAY = 24 * 60

Doing = Callable[[], Awaitable[None]]


@pytest.fixture(autouse=True)
def nothing_found_yet() -> None:
    """Gauges of checks keep what earlier tests in this process found."""
    DRIFTED.clear()
    USED.clear()
    UNHEALTHY.clear()


def metrics() -> set[str]:
    """Those that rules ask for."""
    queries = [alert.expression for alert in alerts_of(Objectives())]
    queries += [query for each in INDICATORS for query in (each.bad_ratio("5m"), each.events.increase("5m"))]
    return {name for query in queries for name, _ in selectors(query)}


async def scrape(service: Service) -> Scrape:
    async with service.client() as client:
        return Scrape.read((await client.get("/metrics")).text, metrics())


async def ask(service: Service, question: str) -> None:
    replies = await asyncio.gather(*(service.ask(question) for _ in range(PER_MINUTE)))
    assert {reply.status_code for reply in replies} <= {200, 503}


async def drilled(
    service: Service, folder: Path, fault: Doing, ordinary: int = 120, lasting: int = 70, step: int = 2
) -> set[str]:
    """The alerts that fire after so many minutes of ordinary traffic, and so many of the fault."""
    await ask(service, ON_TOPIC)  # series begin to exist
    first = await scrape(service)
    await ask(service, ON_TOPIC)
    second = await scrape(service)
    await fault()
    third = await scrape(service)
    series = over_time((first, second, third), ordinary, lasting, step)
    ordinarily, fired = firing(folder, RULES, series, step, (ordinary - step, ordinary + lasting - step))
    assert ordinarily == set(), "ordinary traffic sets off nothing"
    return set(fired)


def about(objective: str, fired: set[str]) -> bool:
    """Whether all that fired are burn rates of one objective, and at least one."""
    return bool(fired) and all(name.startswith(f"{objective}BudgetBurns") for name in fired)


async def test_a_provider_that_is_down(service: Service, tmp_path: Path) -> None:
    async def fault() -> None:
        service.model.faults.extend([Fault(status=500)] * 200)
        await ask(service, ON_TOPIC)

    fired = await drilled(service, tmp_path, fault)
    assert "ModelCircuitOpened" in fired
    assert about("Undegraded", fired - {"ModelCircuitOpened"}), fired


async def test_retrieval_that_is_slow(quoting: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    search, seconds = Retrieval.search, quoting.state.policies.get(SloPolicy).answer_p95_ms / 1000 + 0.1

    async def slow(*arguments: Any, **options: Any) -> Any:
        await asyncio.sleep(seconds)
        return await search(*arguments, **options)

    async def fault() -> None:
        monkeypatch.setattr(Retrieval, "search", slow)
        await ask(quoting, ON_TOPIC)

    assert about("InTime", await drilled(quoting, tmp_path, fault))


async def test_a_wave_of_refusals(quoting: Service, tmp_path: Path) -> None:
    async def fault() -> None:
        await ask(quoting, OFF_TOPIC)

    assert about("Answered", await drilled(quoting, tmp_path, fault, ordinary=120, lasting=DAY + 120, step=20))


async def test_a_flood_of_quarantined_documents(quoting: Service, tmp_path: Path) -> None:
    async def fault() -> None:
        key = await quoting.state.identity.create_key(quoting.tenant, f"up-{uuid4().hex[:6]}", ["operator"])
        async with quoting.client(key.text) as client:
            for number in range(PER_MINUTE):
                await upload(client, f"{uuid4().hex}-{number}.pdf", b"%PDF-1.7 this is no document")
        await Worker(quoting.state.database, quoting.state.jobs, concurrency=1).run(wait=False)

    fired = await drilled(quoting, tmp_path, fault, ordinary=60, lasting=400, step=5)
    assert about("Ingested", fired), fired


async def upload(client: httpx.AsyncClient, name: str, data: bytes) -> None:
    (await client.post("/v1/documents", files={"files": (name, data)})).raise_for_status()


async def test_a_queue_that_is_stuck(quoting: Service, database_urls: Urls, tmp_path: Path) -> None:
    async def nothing(attempt: Attempt) -> None: ...

    name = f"drill.{uuid4().hex[:6]}"
    worker = Worker(quoting.state.database, [JobSpec(name, nothing, queue=name)], concurrency=1)

    async def fault() -> None:
        async with quoting.state.database.transaction(None) as connection:
            job = await enqueue(connection, name, queue=name)
        with psycopg.connect(database_urls.owner) as owner:
            owner.execute("update procrastinate_events set at = at - interval '1 hour' where job_id = %s", (job,))
        await worker.measure()

    assert await drilled(quoting, tmp_path, fault) == {"JobsWaitLong"}
    await worker.run(wait=False)
    await worker.measure()  # the gauge is of this process, and other tests follow


async def test_a_budget_that_is_used_up(service: Service, tmp_path: Path) -> None:
    budgets = service.state.costs.budgets

    async def fault() -> None:
        await budgets.set("tests", SERVICE, "month", 1, "the drill needs it")
        await ask(service, ON_TOPIC)
        async with background(budgets.watch):
            await until(lambda: USED.labels("month")._value.get() >= 1)

    fired = await drilled(service, tmp_path, fault)
    await budgets.set("tests", SERVICE, "month", 10**12, "the drill is over")
    assert {"BudgetUsedUp", "BudgetNearlyUsedUp"} <= fired
    assert about("Undegraded", fired - {"BudgetUsedUp", "BudgetNearlyUsedUp"}) or len(fired) == 2, fired


USUAL = (
    "Who built the lighthouse of Karlen in the year {}?",
    "Was the bridge over the Sarn opened in {}?",
    "Is the main span of the bridge {} metres long?",
    "Can the lamp of the lighthouse be seen from {} kilometres away?",
)
UNSEEN = (
    "How long is the rye dough of the canteen kneaded for {} loaves?",
    "At what heat does the canteen bake {} loaves of rye bread?",
)
CANTEEN = (
    "The canteen kneads its rye dough for eleven minutes, however many loaves are made. "
    "Rye bread is baked at 240 degrees. Loaves cool on the rack for an hour before they are cut."
)


async def test_questions_about_something_new(quoting: Service, database_urls: Urls, tmp_path: Path) -> None:
    async def asked(patterns: tuple[str, ...], count: int) -> None:
        async with quoting.client() as client:
            for start in range(0, count, PER_MINUTE):
                questions = [patterns[n % len(patterns)].format(n + 3) for n in range(start, start + PER_MINUTE)]
                replies = await asyncio.gather(
                    *(client.post("/v1/answers", json={"question": each}) for each in questions)
                )
                assert {(reply.status_code, reply.json()["status"]) for reply in replies} == {(200, "answered")}

    await quoting.publish(CANTEEN, title="Canteen", uri="canteen.md")
    await asked(USUAL, 108)
    with psycopg.connect(database_urls.owner) as owner:
        owner.execute(
            "update answers set created_at = created_at - interval '20 days' where tenant_id = %s", (quoting.tenant,)
        )
    await asked(USUAL, 24)
    policy = DriftPolicy(min_reference=100, window=100, step=20)
    drift = replace(quoting.state.monitoring.drift, policy=policy)
    assert not [each.check.signal for each in await drift.run(quoting.tenant) if each.drifted]

    async def fault() -> None:
        await asked(UNSEEN, 60)
        await drift.run(quoting.tenant)

    assert await drilled(quoting, tmp_path, fault) == {"TrafficDrifted"}
