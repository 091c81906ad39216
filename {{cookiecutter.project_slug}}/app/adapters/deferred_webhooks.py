from collections.abc import Mapping
from dataclasses import dataclass

from app.core.outbound import DIRECT, OutboundRules
from app.webhooks.domain import Target


@dataclass(frozen=True)
class DeferredWebhookTransport:
    """An `HttpWebhookTransport` that is imported with the first webhook."""

    rules: OutboundRules = DIRECT

    async def post(self, target: Target, headers: Mapping[str, str], body: bytes) -> int:
        # Imported late: an HTTP client takes time and memory at the start, and most processes send no webhook.
        from app.adapters.webhooks import HttpWebhookTransport

        return await HttpWebhookTransport(rules=self.rules).post(target, headers, body)
