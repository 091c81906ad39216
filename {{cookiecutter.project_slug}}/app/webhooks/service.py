from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

import structlog

from app.core.clock import Clock
from app.core.telemetry import counter
from app.identity.service import Identity
from app.webhooks.domain import GONE, DeliveryFailed, DeliveryResult, WebhookHosts, WebhookMessage, WebhookRefused
from app.webhooks.ports import WebhookTransport

log = structlog.get_logger(__name__)

DELIVERIES = counter("app_webhooks_total", "Webhooks about decisions, by result", ("result",))


@dataclass(frozen=True)
class WebhookSender:
    """Sends webhooks about decisions. hosts: those that the policy of the live release allows."""

    transport: WebhookTransport
    identity: Identity
    hosts: Callable[[], WebhookHosts]
    clock: Clock

    async def send(self, message: WebhookMessage) -> DeliveryResult:
        """Make one attempt. A message that can no longer be delivered is logged and dropped.

        Errors: DeliveryFailed, to be retried.
        """
        try:
            target = self.hosts().target(message.url)
        except WebhookRefused as refused:
            return self._ended(message, "refused", refused.detail)
        secret = await self.identity.webhook_secret(message.tenant_id, message.key_id)
        if secret is None:
            return self._ended(message, "key_revoked", "its key is revoked")
        status = await self.transport.post(target, message.headers(secret, self.clock.now()), message.body)
        if status == GONE:
            return self._ended(message, "gone", "the receiver declines further webhooks")
        if not 200 <= status < 300:
            raise DeliveryFailed(f"the response had the status {status}")
        DELIVERIES.labels("delivered").inc()
        return "delivered"

    def give_up(self, message: WebhookMessage, reason: str) -> None:
        """Log and count a message whose last attempt failed: the receiver has to poll for the decision."""
        DELIVERIES.labels("abandoned").inc()
        self._log(message, reason)

    def _ended(self, message: WebhookMessage, result: DeliveryResult, reason: str) -> DeliveryResult:
        DELIVERIES.labels(result).inc()
        self._log(message, reason)
        return result

    def _log(self, message: WebhookMessage, reason: str) -> None:
        host, subject = urlsplit(message.url).hostname, f"{message.subject} {message.subject_id}"
        log.warning("webhooks.delivery_abandoned", webhook=message.name, subject=subject, host=host, reason=reason)
