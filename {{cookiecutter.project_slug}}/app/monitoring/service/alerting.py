"""Sends alerts to the person on call: each state of each alert once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.core.clock import Clock
from app.core.database import Database
from app.core.ids import new_id
from app.core.jobs import enqueue
from app.core.ownership import OwnershipPolicy
from app.core.telemetry import counter
from app.identity.domain import Principal
from app.monitoring.domain.alert_notices import AlertNotice, DrillResult, NoOnCallWebhook, drill_notices
from app.monitoring.domain.alerts import Alert
from app.monitoring.repository import notice_rows
from app.webhooks.domain import SEND_JOB, SEND_QUEUE, DeliveryFailed, WebhookMessage
from app.webhooks.service import WebhookSender

TAKEN = counter(
    "app_alert_notices_total", "Alerts that were taken for the person on call, by what became of them.", ("result",)
)


@dataclass(frozen=True)
class AlertNotices:
    """ownership: this process's own policy, as the person on call is the one of now."""

    database: Database
    clock: Clock
    webhooks: WebhookSender
    ownership: OwnershipPolicy

    async def take(self, caller: Principal, notices: Sequence[AlertNotice]) -> tuple[int, int]:
        """Puts alerts on their way, signed by the caller's key. Returns how many, and how many had been sent before in
        the same state. Errors: NoOnCallWebhook, WebhookRefused.
        """
        url, now, sent = self._address(), self.clock.now(), 0
        async with self.database.transaction(None) as connection:
            for notice in notices:
                if await notice_rows.add_notice(connection, notice, now):
                    message = _message(caller, url, notice, now)
                    await enqueue(connection, SEND_JOB, queue=SEND_QUEUE, **message.job)
                    sent += 1
        TAKEN.labels("sent").inc(sent)
        TAKEN.labels("duplicate").inc(len(notices) - sent)
        return sent, len(notices) - sent

    async def drill(self, caller: Principal, alerts: Sequence[Alert]) -> Sequence[DrillResult]:
        """Sends each alert once, marked as a drill, and waits for the reply of the receiver to each.

        Errors: NoOnCallWebhook, WebhookRefused.
        """
        url, now = self._address(), self.clock.now()
        return [await self._try(caller, url, notice, now) for notice in drill_notices(alerts, now)]

    async def _try(self, caller: Principal, url: str, notice: AlertNotice, at: datetime) -> DrillResult:
        try:
            result = await self.webhooks.send(_message(caller, url, notice, at))
        except DeliveryFailed as failed:
            return DrillResult(notice.alert, notice.severity, False, str(failed))
        return DrillResult(notice.alert, notice.severity, result == "delivered", result)

    def _address(self) -> str:
        """Errors: NoOnCallWebhook, WebhookRefused."""
        url = self.ownership.on_call_webhook
        if url is None:
            raise NoOnCallWebhook()
        return self.webhooks.hosts().target(url).url


def _message(caller: Principal, url: str, notice: AlertNotice, at: datetime) -> WebhookMessage:
    return WebhookMessage(
        id=new_id(),
        tenant_id=caller.tenant_id,
        key_id=caller.key_id,
        url=url,
        subject="alert",
        subject_id=notice.id,
        state=notice.state,
        where=notice.runbook,
        at=at,
        title=notice.title,
    )
