"""Alerts on their way to the person on call, and the configuration of the Alertmanager that sends them. No I/O."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any, Literal
from uuid import NAMESPACE_URL, UUID, uuid5

import yaml

from app.core.errors import Conflict
from app.monitoring.domain.alerts import Alert

NoticeState = Literal["firing", "resolved"]
MAX_TITLE = 300

RECEIVER = "on-call"
KEY_FILE = "/run/secrets/alertmanager_key"
ADDRESS = "http://api-1:8000/v1/monitoring/alerts"


class NoOnCallWebhook(Conflict):
    code, title = "no_on_call_webhook", "No address is named for the person on call"
    action = "Set on_call_webhook in policies/ownership.yaml, and its host under webhooks in policies/security.yaml."


@dataclass(frozen=True, slots=True)
class AlertNotice:
    """One state of one alert. fingerprint: of its labels, by Alertmanager. drill: nothing happened."""

    fingerprint: str
    state: NoticeState
    starts_at: datetime
    alert: str
    severity: str
    summary: str
    runbook: str
    drill: bool = False

    @property
    def id(self) -> UUID:
        """The same for both states of an alert, so that a receiver can close what it opened, and in every time zone."""
        return uuid5(NAMESPACE_URL, f"alert:{self.fingerprint}:{self.starts_at.timestamp():.6f}")

    @property
    def title(self) -> str:
        first = "DRILL, nothing happened: " if self.drill else ""
        return f"{first}{self.severity or 'alert'} {self.alert}: {self.summary}"[:MAX_TITLE]


@dataclass(frozen=True, slots=True)
class DrillResult:
    """Whether the notice of an alert reached its receiver. why: what was in the way."""

    alert: str
    severity: str
    reached: bool
    why: str = ""


def drill_notices(alerts: Iterable[Alert], at: datetime) -> Sequence[AlertNotice]:
    """Each alert once, marked as a drill."""
    return [
        AlertNotice(
            sha256(f"drill {alert.name}".encode()).hexdigest()[:16],
            "firing",
            at,
            alert.name,
            alert.severity,
            "the way to the person on call is tried",
            f"docs/runbooks/{alert.annotations.runbook}.md",
            drill=True,
        )
        for alert in alerts
    ]


def alertmanager_config() -> str:
    """The file that `app monitoring write` makes: pages at once, tickets together, both to this service, which sends
    them on to the person on call.
    """
    webhook = {
        "url": ADDRESS,
        "send_resolved": True,
        "max_alerts": 1000,
        "http_config": {"authorization": {"type": "Bearer", "credentials_file": KEY_FILE}},
    }
    page = {"receiver": RECEIVER, "matchers": ['severity="page"'], "group_wait": "10s", "repeat_interval": "1h"}
    config: dict[str, Any] = {
        "route": {
            "receiver": RECEIVER,
            "group_by": ["alertname"],
            "group_wait": "1m",
            "group_interval": "5m",
            "repeat_interval": "24h",
            "routes": [page],
        },
        # Without a process of the API nothing can be known about answers: one page is enough.
        "inhibit_rules": [
            {
                "source_matchers": ['alertname="NoApiScraped"'],
                "target_matchers": ['alertname=~".*BudgetBurns.*"'],
            }
        ],
        "receivers": [{"name": RECEIVER, "webhook_configs": [webhook]}],
    }
    first = "# Written by `app monitoring write`. The key is one with the role service, in a file of its own.\n"
    return first + yaml.safe_dump(config, sort_keys=False, width=120)
