"""What the approval and the execution of actions share: finding one, and announcing its end."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.actions import repository
from app.actions.domain import ActionNotFound, ActionState, StoredAction
from app.core.database import notify
from app.core.jobs import enqueue
from app.core.telemetry import counter
from app.webhooks.domain import SEND_JOB, SEND_QUEUE

ACTION_ENDED_CHANNEL = "action_ended"
"""The notification channel on which every process learns that an action has ended."""

ENDED = counter("app_actions_ended_total", "Actions that ended, by action and end state", ("action", "state"))


async def find_action(connection: AsyncConnection, action_id: UUID, lock: bool = False) -> StoredAction:
    """lock: until the end of the transaction. Errors: ActionNotFound."""
    action = await repository.find(connection, action_id, lock)
    if action is None:
        raise ActionNotFound(f"There is no action {action_id}.")
    return action


async def announce_end(connection: AsyncConnection, action: StoredAction, state: ActionState, at: datetime) -> None:
    """Notifies waiting processes, and enqueues the requester's webhook, with the commit of this transaction."""
    await notify(connection, ACTION_ENDED_CHANNEL, str(action.id))
    if message := action.webhook_message(state, at):
        await enqueue(connection, SEND_JOB, queue=SEND_QUEUE, **message.job)
    ENDED.labels(action.action, state).inc()
