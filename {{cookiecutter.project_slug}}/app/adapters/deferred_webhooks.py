from collections.abc import Mapping

from app.webhooks.domain import Target


class DeferredWebhookTransport:
    """An `HttpWebhookTransport` that is imported with the first webhook."""

    async def post(self, target: Target, headers: Mapping[str, str], body: bytes) -> int:
        # Imported late: an HTTP client takes time and memory at the start, and most processes send no webhook.
        from app.adapters.webhooks import HttpWebhookTransport

        return await HttpWebhookTransport().post(target, headers, body)
