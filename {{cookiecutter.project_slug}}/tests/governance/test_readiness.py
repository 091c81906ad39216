"""Readiness on a real service: all is green where everything is done, and what is detached turns its check red."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any
from unittest.mock import AsyncMock
from uuid import uuid4

import pytest
import pytest_asyncio

from app.core import audit
from app.core.clock import ManualClock
from app.core.embedded import Urls
from app.core.rls import CURRENT_TENANT
from app.costs.domain.budgets import SERVICE
from app.governance.domain.readiness.catalogue import CHECKS
from app.governance.domain.readiness.statements import NeverWaived, NotAttested, StatementExpiry
from app.governance.domain.readiness.vocabulary import QUESTIONS
from app.governance.service import probes
from app.governance.service.release_evidence import ReleaseEvidence
from app.governance.service.tenant_evidence import TenantEvidence
from app.identity.domain import PermissionMissing
from app.ingestion.domain.quality import QualityResult
from app.settings import Settings
from app.wiring import build
from tests.conftest import ROOT, FreshDatabase, override
from tests.governance.conftest import person
from tests.governance.ready_service import (
    ATTESTED,
    GREEN_AT_FIRST_START,
    Break,
    ReadyService,
    by_age,
    by_file,
    by_policy,
    by_process,
    by_sql,
    open_ready_service,
)

LIVE = "(select release_id from environments where name = 'production')"


def operation(kind: str) -> Break:
    return by_age("operation_runs", "at", 1000, f"kind = '{kind}'")


def probe_without(name: str, value: object) -> Break:
    """The control that the probe calls is detached from the path."""

    @contextmanager
    def break_it(_: ReadyService) -> Any:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(probes, name, value)
            yield

    return break_it


@contextmanager
def by_other_settings(service: ReadyService) -> Any:
    """Files and settings that are in no release."""
    releases = service.state.releases
    before = releases.inputs
    override(releases, inputs=replace(before, settings={**before.settings, "deadline_seconds": 1.5}))
    try:
        yield
    finally:
        override(releases, inputs=before)


def by_models(live: tuple[str, ...] = (), of_process: tuple[str, ...] = ()) -> Break:
    """Other models in the live release, or of this process."""

    @contextmanager
    def break_it(service: ReadyService) -> Any:
        tenants, gather = service.state.readiness.sources.tenants, ReleaseEvidence._live
        before = tenants.models

        async def other(self: ReleaseEvidence, *arguments: Any) -> Any:
            state = await gather(self, *arguments)
            return replace(state, models=live or state.models)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(ReleaseEvidence, "_live", other)
            override(tenants, models=of_process or before)
            yield
            override(tenants, models=before)

    return break_it


BREAKS: dict[str, Break] = {
    "data.contracts": by_policy("data", sources={}),
    "data.corpus": by_age("document_versions", "ended_at", 1000),
    "quality.damaged_document": probe_without("check_quality", lambda *_: QualityResult(None, ())),
    "quality.injected_document": probe_without("screen_document", lambda *_: ()),
    "quality.quarantine_decided": by_sql(
        "insert into quarantine (tenant_id, id, document_id, version, reason, detail, findings, created_at) "
        "select tenant_id, id, id, version, 'empty', '', '[]', now() - interval '30 days' from documents",
        "delete from quarantine",
    ),
    "quality.index": by_sql(
        "update indexes set embedder = 'x' || embedder where status = 'live'",
        "update indexes set embedder = substr(embedder, 2) where status = 'live'",
    ),
    "quality.data_health": by_sql(
        "insert into data_health_signals "
        "select id, gen_random_uuid(), 'freshness', 'gone', 9, 1, true, '{}' from tenants",
        "delete from data_health_signals where subject = 'gone'",
    ),
    "versions.live_release": by_sql(
        "create table parked as select * from release_parts; delete from release_parts",
        "insert into release_parts select * from parked; drop table parked",
    ),
    "versions.files_released": by_other_settings,
    "versions.models_pinned": by_models(live=("provider/model-latest",)),
    "evaluation.golden_suite": by_file("evals/golden.jsonl", lambda text: "".join(text.splitlines(True)[-21:])),
    "evaluation.own_cases": by_file("evals/golden.jsonl", lambda text: "".join(text.splitlines(True)[:-5])),
    "evaluation.red_team_suite": by_file("evals/red_team.jsonl", lambda text: text.splitlines(True)[0]),
    "evaluation.live_release": by_sql(
        f"update release_events set verdict = 'FAIL' where verdict is not null and release_id = {LIVE}",
        f"update release_events set verdict = 'PASS' where verdict is not null and release_id = {LIVE}",
    ),
    "staging.used": by_age("environment_moves", "at", 1000, "environment = 'staging' and kind <> 'rehearsal'"),
    "staging.before_production": by_age(
        "environment_moves", "at", -1000, f"environment = 'staging' and release_id = {LIVE}"
    ),
    "rollback.rehearsed": by_age("environment_moves", "at", 1000, "kind = 'rehearsal'"),
    "rollback.target": by_sql(
        "update release_events set after = 'rejected' where after = 'superseded'",
        "update release_events set after = 'superseded' where after = 'rejected'",
    ),
    "rollback.backup": operation("backup"),
    "rollback.restore_drill": operation("restore_drill"),
    "cost.budget": by_sql(
        f"insert into budget_limits values ('{SERVICE}', 'month', 0, now())", "delete from budget_limits"
    ),
    "cost.ledger": by_sql(
        "insert into budget_shards select id, current_date, 7, 0, 0, 5, 0 from tenants",
        "delete from budget_shards where stripe = 7",
    ),
    "cost.prices": by_models(of_process=("model-without-price",)),
    "cost.answers_charged": by_sql(
        "update ledger set subject_id = tenant_id where feature = 'answer'",
        "update ledger set subject_id = (select id from answers limit 1) where feature = 'answer'",
    ),
    "latency.objective": by_policy("slo", answer_p95_ms=0),
    "latency.load_test": operation("load_test"),
    "monitoring.alert_rules": by_file("monitoring/rules/causes.yaml", lambda text: text + "# changed\n"),
    "monitoring.dashboards": by_file("monitoring/dashboards/service.json", lambda text: text + "\n"),
    "monitoring.traces": by_process(traces="none"),
    "access.row_security": by_sql(
        "alter table answers no force row level security", "alter table answers force row level security"
    ),
    "access.service_role": by_sql("alter role app_service bypassrls", "alter role app_service nobypassrls"),
    "access.keys_expire": by_sql(
        "update api_keys set expires_at = null where name = 'ada'",
        "update api_keys set expires_at = now() + interval '90 days' where name = 'ada'",
    ),
    "access.keys_used": by_sql(
        "update api_keys set last_used_at = now() - interval '200 days'", "update api_keys set last_used_at = now()"
    ),
    "access.secrets": by_process(missing_secrets=("APP_KEY_PEPPER",)),
    "access.dependencies_audited": operation("dependency_audit"),
    "governance.owners": by_policy("ownership", owner="Platform Team"),
    "governance.on_call": by_policy("ownership", on_call="oncall@example.com"),
    "governance.audit_chain": by_sql(
        "update audit_log set actor = actor || '!' where sequence = 2",
        "update audit_log set actor = rtrim(actor, '!') where sequence = 2",
    ),
    "governance.approval": by_sql(
        "update approvals set at = at - interval '999 days', expires_at = expires_at - interval '999 days'",
        "update approvals set at = at + interval '999 days', expires_at = expires_at + interval '999 days'",
    ),
    "governance.emergencies": by_sql(
        "insert into approvals select gen_random_uuid(), release_id, environment, 'break_glass', null, 'eve', 'fire', "
        "now() - interval '9 days', null, 'fire' from approvals limit 1",
        "delete from approvals where kind = 'break_glass'",
    ),
    "governance.retention": operation("retention"),
    "review.irreversible_waits": probe_without("rule_for_action", lambda *_, **__: None),
    "review.queue": by_sql(
        "insert into review_items (tenant_id, id, kind, subject_id, question, rule, timing, risk_tier, payload, "
        "digest, version, state, needed, self_approval, asker, groups, level, note, created_at, due_at, fence) "
        "select tenant_id, id, 'answer', id, '', 'r', 'after', 'low', '', encode(sha256(''), 'hex'), 1, 'open', 1, "
        "true, 'a', '{}', 0, '', now(), now() - interval '1 day', 0 from answers",
        "delete from review_items",
    ),
    "review.reviewers": by_sql(
        "update api_keys set roles = array['service'] where name = 'ada'",
        "update api_keys set roles = array['admin', 'service'] where name = 'ada'",
    ),
    "business.feedback": by_age("feedback", "created_at", 40),
}
"""How the control or the evidence of each check is detached. Attestations are withdrawn in a test of their own."""


@pytest_asyncio.fixture(scope="module")
async def ready(
    database_urls: Urls, settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[ReadyService]:
    async with open_ready_service(settings, database_urls, tmp_path_factory.mktemp("ready")) as service:
        yield service


def test_every_check_is_detached_here() -> None:
    assert len(CHECKS) >= 30
    assert BREAKS.keys() | set(ATTESTED) == {check.id for check in CHECKS}
    assert not BREAKS.keys() & set(ATTESTED)


async def test_a_service_with_everything_done_is_green(ready: ReadyService) -> None:
    report = await ready.state.readiness.report()
    assert {each.check.id: each.found for each in report.results if each.status != "green"} == {}
    assert report.ready


@pytest.mark.parametrize("check", BREAKS)
async def test_a_check_turns_red_when_its_control_is_detached_and_green_again(ready: ReadyService, check: str) -> None:
    with BREAKS[check](ready):
        assert (await ready.statuses())[check] == "red"
    assert {name for name, status in (await ready.statuses()).items() if status != "green"} == set()


@pytest.mark.parametrize(
    ("broken", "repaired"),
    [
        ("create policy wide on answers using (true)", "drop policy wide on answers"),
        ("create policy wide on answers for select to app_service using (true)", "drop policy wide on answers"),
        ("alter table answers disable row level security", "alter table answers enable row level security"),
        (
            "drop policy tenant_isolation on feedback",
            f"create policy tenant_isolation on feedback using (tenant_id = {CURRENT_TENANT}) "
            f"with check (tenant_id = {CURRENT_TENANT})",
        ),
    ],
    ids=["a wider policy", "a wider policy of the service", "switched off", "no policy"],
)
async def test_a_table_that_the_database_does_not_isolate_is_named(
    ready: ReadyService, broken: str, repaired: str
) -> None:
    with by_sql(broken, repaired)(ready):
        result = (await ready.state.readiness.report()).find("access.row_security")
        assert result.status == "red"
        assert "answers" in result.found or "feedback" in result.found
    assert (await ready.statuses())["access.row_security"] == "green"


async def test_data_that_was_not_checked_for_two_days_is_not_ready(ready: ReadyService) -> None:
    other, days_ago = uuid4(), "now() - interval '3 days'"
    checked = f"insert into monitoring_runs values ('{other}', 'health', {days_ago}, {days_ago})"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TenantEvidence, "_tenants", AsyncMock(return_value=[ready.tenant, other]))
        with by_sql(checked, f"delete from monitoring_runs where tenant_id = '{other}'")(ready):
            result = (await ready.state.readiness.report()).find("quality.data_health")
    assert (result.status, "3 days old" in result.found) == ("red", True)


@pytest.mark.parametrize("check", ATTESTED)
async def test_an_attestation_that_is_withdrawn_turns_its_check_red(ready: ReadyService, check: str) -> None:
    readiness, ada = ready.state.readiness, person("ada")
    await readiness.withdraw(ada, "attestation", check, "we want to read it again")
    statuses = await ready.statuses()
    assert statuses[check] == "red"
    assert [name for name, status in statuses.items() if status == "red"] == [check]
    await readiness.attest(ada, check, "we read it again")
    assert (await ready.statuses())[check] == "green"


async def test_an_attestation_ends_when_what_was_attested_changes(ready: ReadyService) -> None:
    digests: dict[str, str] = ready.state.policies.digests  # type: ignore[assignment]
    before = digests["privacy"]
    digests["privacy"] = "0" * 64
    try:
        report = await ready.state.readiness.report()
        result = report.find("data.personal_data_confirmed")
        assert result.status == "red"
        assert "has changed since" in result.found
    finally:
        digests["privacy"] = before


async def test_a_waiver_makes_a_red_check_amber_until_it_ends(ready: ReadyService) -> None:
    readiness = ready.state.readiness
    clock = ManualClock(readiness.clock.now())
    ada, check = person("ada"), "rollback.backup"
    said = await readiness.waive(ada, check, "the storage is being moved", "bob", clock.now() + timedelta(days=3))
    with operation("backup")(ready):
        result = (await readiness.report()).find(check)
        assert result.status == "amber"
        assert "by bob: the storage is being moved" in result.found
        clock.advance(timedelta(days=4).total_seconds())
        assert (await replace(readiness, clock=clock).report()).find(check).status == "red"
        await readiness.withdraw(ada, "waiver", check, "it was moved")
        assert (await ready.statuses())[check] == "red"
    async with ready.state.database.read(None) as connection:
        line = await audit.latest(connection, "readiness.waiver")
    assert line
    assert (line.actor, line.subject, line.after) == ("ada", f"check {check}", "withdrawn")
    assert said.owner == "bob"


async def test_what_nobody_may_waive_stays_red(ready: ReadyService) -> None:
    readiness, ada = ready.state.readiness, person("ada")
    with pytest.raises(NeverWaived):
        await readiness.waive(ada, "access.row_security", "only for a day", "bob")
    with pytest.raises(NotAttested):
        await readiness.attest(ada, "access.row_security", "it is fine")
    with pytest.raises(StatementExpiry):
        ends = readiness.clock.now() + timedelta(days=400)
        await readiness.waive(ada, "rollback.backup", "the storage is being moved", "bob", ends)
    with pytest.raises(PermissionMissing):
        await readiness.waive(person("eve", "admin"), "rollback.backup", "no reason at all", "eve")


async def test_a_source_that_fails_or_takes_too_long_makes_its_checks_red(
    ready: ReadyService, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fails(_: object) -> None:
        raise RuntimeError("the disk is gone")

    async def hangs(_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(TenantEvidence, "reviews", fails)
    monkeypatch.setattr(TenantEvidence, "traffic", hangs)
    with ready.policy("readiness", timeout_seconds=0.01):
        report = await ready.state.readiness.report()
    assert report.find("review.queue").status == report.find("latency.objective").status == "red"
    assert "the disk is gone" in report.find("review.queue").found
    assert "took longer than 0.01 s" in report.find("latency.objective").found


async def test_readiness_over_http(ready: ReadyService) -> None:
    async with ready.client() as client:
        body = (await client.get("/v1/readiness")).json()
        assert [each["id"] for each in body["questions"]] == list(QUESTIONS)
        path = "/v1/readiness/checks/business.outcome_agreed"
        terms = {"reason": "<b>agreed</b> with the desk", "owner": "<i>bob</i>"}
        said = await client.post(f"{path}/attestations", json=terms)
        assert (said.status_code, said.json()["owner"], said.json()["actor"]) == (201, "<i>bob</i>", "ada")
        page = await client.get("/v1/readiness/page")
        assert "&lt;i&gt;bob&lt;/i&gt; attested it" in page.text
        assert "<i>bob" not in page.text
        assert "default-src 'none'" in page.headers["content-security-policy"]
        unknown = await client.post("/v1/readiness/checks/nothing/waivers", json=terms)
        assert (unknown.status_code, unknown.json()["code"]) == (404, "readiness_check_not_found")
        ended = await client.post(f"{path}/withdrawals", json={"kind": "waiver", "reason": "there is none"})
        assert (ended.status_code, ended.json()["code"]) == (404, "readiness_statement_not_found")


async def test_a_fresh_service_is_red_in_what_only_its_owner_can_do(
    fresh_database: FreshDatabase, settings: Settings
) -> None:
    with fresh_database() as urls:
        async with build(settings, urls) as state:
            await state.environments.resolve()
            report = await state.readiness.report()
            assert not await state.readiness.blocking_release()
    statuses = report.statuses
    assert {name for name, status in statuses.items() if status == "green"} == GREEN_AT_FIRST_START
    assert {name for name, status in statuses.items() if status == "amber"} == {
        "access.keys_expire",
        "access.keys_used",
    }
    assert not report.ready


def test_every_page_that_helps_exists() -> None:
    assert [check.id for check in CHECKS if not (ROOT / "docs" / check.page).is_file()] == []
    assert {check.question for check in CHECKS} == set(QUESTIONS)
    assert {number for check in CHECKS for number in check.mistakes} == set(range(1, 13))
