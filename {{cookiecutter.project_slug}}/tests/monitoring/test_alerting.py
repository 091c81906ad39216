"""Alerts reach the person on call, signed, once for each state, and a drill says whether they do."""

import shutil
import subprocess
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
import yaml

from app.core.jobs import Worker
from app.core.objectives import Objectives
from app.core.ownership import OwnershipPolicy
from app.identity.domain import Principal
from app.monitoring.domain.alert_notices import ADDRESS, KEY_FILE, alertmanager_config, drill_notices
from app.monitoring.domain.rules import alerts_of
from app.monitoring.service.alerting import AlertNotices
from app.webhooks.domain import WebhookHosts
from app.wiring import State
from tests.samples import total
from tests.webhooks.receiver import Receiver
from tests.webhooks.test_webhooks import signed_by

ALERTS = alerts_of(Objectives())


@pytest_asyncio.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as running:
        yield running


@pytest.fixture
def on_call(state: State, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> AlertNotices:
    """The service of this state, with the receiver as the address of the person on call."""
    hosts = WebhookHosts(private=(f"http://127.0.0.1:{receiver.port}",))
    ownership = state.policies.get(OwnershipPolicy).model_copy(update={"on_call_webhook": receiver.url})
    monkeypatch.setitem(vars(state.webhooks), "hosts", lambda: hosts)
    monkeypatch.setitem(vars(state.monitoring.alert_notices), "ownership", ownership)
    return state.monitoring.alert_notices


def sent_by_alertmanager(state: str = "firing", fingerprint: str = "ab12", **labels: str) -> dict[str, object]:
    """As Alertmanager's version 4, with what nobody reads."""
    alert = {
        "status": state,
        "labels": {"alertname": "ModelCircuitOpened", "severity": "ticket", **labels},
        "annotations": {"summary": "opened 4 times", "runbook": "docs/runbooks/provider-down.md"},
        "startsAt": "2026-05-01T12:00:00.5Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus:9090/graph",
        "fingerprint": fingerprint,
    }
    return {"version": "4", "groupKey": "{}", "status": state, "receiver": "on-call", "alerts": [alert]}


async def work(state: State) -> None:
    await Worker(state.database, state.jobs, concurrency=1).run(wait=False)


async def test_each_state_of_an_alert_is_sent_once_and_signed(
    state: State, client: httpx.AsyncClient, on_call: AlertNotices, receiver: Receiver, principal: Principal
) -> None:
    for expected in ({"sent": 1, "duplicates": 0}, {"sent": 0, "duplicates": 1}):
        before = [total("app_alert_notices_total", result=each) for each in ("sent", "duplicate")]
        reply = await client.post("/v1/monitoring/alerts", json=sent_by_alertmanager(fingerprint="a1"))
        assert (reply.status_code, reply.json()) == (200, expected)
        after = [total("app_alert_notices_total", result=each) for each in ("sent", "duplicate")]
        assert [now - then for now, then in zip(after, before, strict=True)] == list(expected.values())
    await client.post("/v1/monitoring/alerts", json=sent_by_alertmanager("resolved", fingerprint="a1"))
    await work(state)
    firing, resolved = sorted(receiver.messages, key=lambda each: str(each.payload["type"]))
    assert (firing.payload["type"], resolved.payload["type"]) == ("alert.firing", "alert.resolved")
    data = firing.payload["data"]
    assert data["title"] == "ticket ModelCircuitOpened: opened 4 times"
    assert data["where"] == "docs/runbooks/provider-down.md"
    assert resolved.payload["data"]["id"] == data["id"]
    secret = await state.identity.show_webhook_secret(principal.tenant_id, "test", "tests")
    assert signed_by(secret, firing)


async def test_an_alert_that_fires_anew_is_sent_anew(client: httpx.AsyncClient, on_call: AlertNotices) -> None:
    body = sent_by_alertmanager(fingerprint="a2")
    again = sent_by_alertmanager(fingerprint="a2")
    again["alerts"][0]["startsAt"] = "2026-05-02T12:00:00Z"  # type: ignore[index]
    assert [(await client.post("/v1/monitoring/alerts", json=each)).json()["sent"] for each in (body, again)] == [1, 1]


async def test_without_an_address_alerts_are_refused_so_that_alertmanager_tries_again(
    client: httpx.AsyncClient,
) -> None:
    refused = await client.post("/v1/monitoring/alerts", json=sent_by_alertmanager())
    assert (refused.status_code, refused.json()["code"]) == (409, "no_on_call_webhook")


async def test_an_address_that_no_webhook_may_go_to_is_refused(
    client: httpx.AsyncClient, on_call: AlertNotices, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(vars(on_call.webhooks), "hosts", lambda: WebhookHosts())
    refused = await client.post("/v1/monitoring/alerts", json=sent_by_alertmanager(fingerprint="a3"))
    assert refused.json()["code"] == "webhook_refused"


async def test_a_drill_sends_every_alert_and_says_which_arrived(
    on_call: AlertNotices, receiver: Receiver, principal: Principal
) -> None:
    receiver.statuses = [204, 500, 410]
    results = await on_call.drill(principal, ALERTS[:5])
    assert [each.reached for each in results] == [True, False, False, True, True]
    assert "500" in results[1].why
    assert len(receiver.messages) == 5
    assert all(each.payload["data"]["title"].startswith("DRILL, nothing happened: ") for each in receiver.messages)


def test_every_alert_is_in_the_drill_once() -> None:
    notices = drill_notices(ALERTS, datetime(2026, 5, 1, tzinfo=UTC))
    assert [each.alert for each in notices] == [each.name for each in ALERTS]
    assert len({each.fingerprint for each in notices}) == len(ALERTS)


def test_alertmanager_sends_every_alert_to_this_service() -> None:
    config = yaml.safe_load(alertmanager_config())
    [receiver] = config["receivers"]
    [webhook] = receiver["webhook_configs"]
    assert (webhook["url"], webhook["send_resolved"]) == (ADDRESS, True)
    assert webhook["http_config"]["authorization"]["credentials_file"] == KEY_FILE
    assert {config["route"]["receiver"], *(each["receiver"] for each in config["route"]["routes"])} == {
        receiver["name"]
    }


@pytest.mark.skipif(shutil.which("amtool") is None, reason="amtool is not installed")
def test_alertmanager_accepts_its_configuration(tmp_path: Path) -> None:
    file = tmp_path / "alertmanager.yml"
    file.write_text(alertmanager_config())
    checked = subprocess.run(["amtool", "check-config", str(file)], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr
