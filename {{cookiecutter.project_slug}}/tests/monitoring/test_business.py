"""Outcomes of answers, on the routes and commands of the service."""

from pathlib import Path
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest
from typer.testing import CliRunner

from app.cli import app
from app.core.embedded import Urls
from app.main import create_app
from app.monitoring.service.business import REPORTED
from app.wiring import State
from tests.cli.test_costs_and_version import run
from tests.monitoring.stored import PastAnswer, ago, store
from tests.samples import total

__all__ = ["run"]


@pytest.fixture
def answer(database_urls: Urls, tenant: UUID) -> PastAnswer:
    given = PastAnswer(tenant, at=ago(hours=2))
    store(database_urls, [given])
    return given


async def report(client: httpx.AsyncClient, answer: UUID, **body: object) -> httpx.Response:
    return await client.post(f"/v1/answers/{answer}/outcome", json=body)


async def test_an_outcome_is_stored_once_and_counted_once(client: httpx.AsyncClient, answer: PastAnswer) -> None:
    before, worth = REPORTED.labels("resolved")._value.get(), total("app_business_value_usd_total")
    first = await report(client, answer.id, outcome="resolved")
    again = await report(client, answer.id, outcome="resolved")
    assert (first.status_code, first.json()["result"]) == (200, "recorded")
    assert again.json() == {**first.json(), "result": "unchanged"}
    assert REPORTED.labels("resolved")._value.get() == before + 1
    assert total("app_business_value_usd_total") == pytest.approx(worth + 4)
    shown = (await client.get("/v1/monitoring/business")).json()["total"]
    assert (shown["answers"], shown["resolved"], shown["settled"]) == (1, 1, 1)
    assert shown["value_usd"]["value"] == pytest.approx(4 - 0.001)
    assert shown["cost_per_settled_usd"] == pytest.approx(0.001)


async def test_what_an_outcome_costs_is_counted_apart_from_what_others_are_worth(
    client: httpx.AsyncClient, answer: PastAnswer
) -> None:
    before = total("app_business_loss_usd_total"), total("app_business_value_usd_total")
    await report(client, answer.id, outcome="escalated")
    assert total("app_business_loss_usd_total") == pytest.approx(before[0] + 8)
    assert total("app_business_value_usd_total") == before[1]


async def test_a_late_outcome_replaces_no_later_one(client: httpx.AsyncClient, answer: PastAnswer) -> None:
    newer, older = ago(minutes=10).isoformat(), ago(minutes=90).isoformat()
    await report(client, answer.id, outcome="minutes_saved", amount=12, at=newer)
    late = (await report(client, answer.id, outcome="minutes_saved", amount=3, at=older)).json()
    assert (late["result"], late["amount"]) == ("superseded", 12)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"outcome": "delighted"}, "outcome_unknown"),
        ({"outcome": "resolved", "amount": 2}, "outcome_amount_unusable"),
        ({"outcome": "resolved", "at": "2020-01-01T00:00:00Z"}, "outcome_out_of_time"),
    ],
)
async def test_what_the_policy_does_not_allow_is_refused(
    client: httpx.AsyncClient, answer: PastAnswer, body: dict[str, object], code: str
) -> None:
    refused = await report(client, answer.id, **body)
    assert (refused.status_code, refused.json()["code"]) == (422, code)


async def test_nobody_reports_on_an_answer_that_they_may_not_read(
    state: State, client: httpx.AsyncClient, database_urls: Urls, tenant: UUID
) -> None:
    closed, others = PastAnswer(tenant, documents=[uuid4()]), PastAnswer(uuid4())
    store(database_urls, [closed, others])
    for each in (closed, others):
        assert (await report(client, each.id, outcome="resolved")).status_code == 404
    key = await state.identity.create_key(tenant, "a user", ["user"])
    transport = httpx.ASGITransport(app=create_app(state))
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as user:
        user.headers["authorization"] = f"Bearer {key.text}"
        assert (await report(user, closed.id, outcome="resolved")).status_code == 403


async def test_a_deflection_that_is_asked_again_settles_nothing(
    client: httpx.AsyncClient, database_urls: Urls, tenant: UUID
) -> None:
    again = PastAnswer(tenant, at=ago(hours=3), question="How do I reset my password?", unit="c-1")
    answers = [
        again,
        PastAnswer(tenant, at=ago(hours=2), question="Reset the password how?", unit="c-1"),
        PastAnswer(tenant, at=ago(hours=3), question="How do I reset my password?", unit="c-2"),
    ]
    store(database_urls, answers)
    for each in (answers[0], answers[2]):
        assert (await report(client, each.id, outcome="deflected")).status_code == 200
    total = (await client.get("/v1/monitoring/business")).json()["total"]
    assert (total["deflected"], total["reasked"], total["settled"]) == (2, 1, 1)


async def test_the_report_shows_a_link_by_release_also_as_a_page(
    client: httpx.AsyncClient, database_urls: Urls, tenant: UUID
) -> None:
    answers = [PastAnswer(tenant, at=ago(hours=5), total_ms=2000 + n if n % 2 else n, unit=str(n)) for n in range(60)]
    store(database_urls, answers)
    for number, each in enumerate(answers):
        await report(client, each.id, outcome="escalated" if number % 2 else "resolved")
    shown = (await client.get("/v1/monitoring/business", params={"days": 1})).json()
    [link] = [each for each in shown["links"] if each["metric"] == "latency"]
    assert (link["found"], link["difference"]["value"]) == (True, -1)
    page = await client.get("/v1/monitoring/business.html")
    assert "latency" in page.text
    assert "goes with it" in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]


HEADER = "answer_id,outcome,amount,at\n"


def test_bad_lines_of_a_file_are_named_and_none_is_lost(run: CliRunner, database_urls: Urls, tmp_path: Path) -> None:
    tenant = default_tenant(run, database_urls)
    good = [PastAnswer(tenant, at=ago(hours=2)) for _ in range(3)]
    store(database_urls, good)
    moment = ago(hours=1).isoformat()
    bad = [
        f"{good[0].id},delighted,,",
        "no-id,resolved,,",
        f"{uuid4()},resolved,,",
        f"{good[0].id},minutes_saved,much,",
        f"{good[0].id},resolved,,2026-01-31T12:00:00",
        f"{good[0].id},resolved,,,one too many",
    ]
    lines = [f"{good[0].id},resolved,,{moment}", *bad[:3], f'{good[1].id},minutes_saved,"7.5",{moment}', *bad[3:]]
    file = tmp_path / "outcomes.csv"
    file.write_text("\ufeff" + HEADER + "\n".join(lines) + f"\n{good[2].id},escalated,,{moment}")
    done = run.invoke(app, ["outcomes", "import", str(file)])
    assert done.exit_code == 1, done.output
    assert "9 lines: 3 recorded, 6 rejected." in done.output
    rejected = tmp_path / "outcomes.rejected.csv"
    assert rejected.read_text().splitlines() == [HEADER.strip(), *bad]
    for number in (3, 4, 5, 7, 8, 9):
        assert f"Line {number}: " in done.output + done.stderr
    assert "There is no outcome 'delighted'" in done.output + done.stderr
    again = run.invoke(app, ["outcomes", "import", str(file)])
    assert "9 lines: 3 unchanged, 6 rejected." in again.output
    table = run.invoke(app, ["monitoring", "business"]).output
    assert "all" in table
    page = tmp_path / "value.html"
    assert run.invoke(app, ["monitoring", "business", "--html", str(page)]).exit_code == 0
    assert "minutes_saved" in page.read_text()


@pytest.mark.parametrize("text", ["", "outcome\nresolved\n", "answer_id,outcome,colour\n"])
def test_a_file_that_is_no_table_of_outcomes_is_refused_whole(
    run: CliRunner, database_urls: Urls, tmp_path: Path, text: str
) -> None:
    default_tenant(run, database_urls)
    file = tmp_path / "outcomes.csv"
    file.write_text(text)
    refused = run.invoke(app, ["outcomes", "import", str(file)])
    assert refused.exit_code
    assert "The first line is" in str(refused.exception)


def default_tenant(run: CliRunner, urls: Urls) -> UUID:
    assert run.invoke(app, ["keys", "create", "somebody"]).exit_code == 0
    with psycopg.connect(urls.owner) as connection:
        row = connection.execute("select id from tenants where name = 'default'").fetchone()
    assert row
    return UUID(str(row[0]))
