from collections.abc import Mapping
from typing import Protocol

from app.webhooks.domain import Target


class WebhookTransport(Protocol):
    """Sends a webhook to a URL that came from outside. It never goes to another one than that: redirects are
    not followed, and a host that may not be at a private address is not looked for there."""

    async def post(self, target: Target, headers: Mapping[str, str], body: bytes) -> int:
        """The status of the reply, whose body is not read. Errors: DeliveryFailed, without one in time."""
        ...
