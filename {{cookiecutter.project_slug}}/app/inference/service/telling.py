from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

import structlog

from app.core.clock import Clock
from app.core.telemetry import counter
from app.identity.service import Identity
from app.inference.domain.telling import GONE, NotTold, Told
from app.inference.ports import Messenger
from app.safety.domain.policy import SecurityPolicy
from app.safety.domain.webhooks import Notice, WebhookRefused

log = structlog.get_logger(__name__)

TOLD = counter("app_webhooks_total", "Messages that something was decided, by how they ended", ("result",))


@dataclass(frozen=True)
class Telling:
    """Messages to those who asked to be told of a decision. policy: whom the service may tell, now."""

    messenger: Messenger
    identity: Identity
    policy: Callable[[], SecurityPolicy]
    clock: Clock

    async def tell(self, notice: Notice) -> Told:
        """Tries once. What cannot be told any more ends here, with a line in the log.

        Errors: NotTold, to be tried again.
        """
        try:
            target = self.policy().webhooks.target(notice.url)
        except WebhookRefused as refused:
            return self._ended(notice, "refused", refused.detail)
        secret = await self.identity.webhook_secret(notice.tenant_id, notice.key_id)
        if secret is None:
            return self._ended(notice, "key_revoked", "its key is revoked")
        status = await self.messenger.post(target, notice.headers(secret, self.clock.now()), notice.body)
        if status == GONE:
            return self._ended(notice, "gone", "the receiver wants no more")
        if not 200 <= status < 300:
            raise NotTold(f"the reply had the status {status}")
        TOLD.labels("delivered").inc()
        return "delivered"

    def give_up(self, notice: Notice, reason: str) -> None:
        """The last try has failed: whoever waits must look by themselves."""
        TOLD.labels("given_up").inc()
        self._say(notice, reason)

    def _ended(self, notice: Notice, result: Told, reason: str) -> Told:
        TOLD.labels(result).inc()
        self._say(notice, reason)
        return result

    def _say(self, notice: Notice, reason: str) -> None:
        host, what = urlsplit(notice.url).hostname, f"{notice.subject} {notice.subject_id}"
        log.warning("webhook_given_up", webhook=notice.name, about=what, host=host, reason=reason)
