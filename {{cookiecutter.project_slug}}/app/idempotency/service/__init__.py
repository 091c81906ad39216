"""COMPLETE_SQL completes a claim inside a transaction of another package."""

from app.idempotency.repository import COMPLETE_SQL, complete_parameters
from app.idempotency.service.keys import IdempotencyKeys

__all__ = ["COMPLETE_SQL", "IdempotencyKeys", "complete_parameters"]
