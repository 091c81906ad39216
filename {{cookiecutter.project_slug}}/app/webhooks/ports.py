from collections.abc import Mapping
from typing import Protocol

from app.webhooks.domain import Target


class WebhookTransport(Protocol):
    """Sends a webhook to a URL that a caller named. Redirects are not followed, and private addresses are only used for
    hosts that may be private.
    """

    async def post(self, target: Target, headers: Mapping[str, str], body: bytes) -> int:
        """Send a request; returns the status of the reply, whose body is not read. Errors: DeliveryFailed."""
        ...
