"""What people say about readiness: attestations of what only a person can know, and waivers."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from app.core.errors import Invalid, NotFound

StatementKind = Literal["attestation", "waiver"]


class CheckNotFound(NotFound):
    code, title = "readiness_check_not_found", "There is no such check"
    action = "'app readiness' lists the checks with their ids."


class NotAttested(Invalid):
    code, title = "check_not_attested", "The check is answered from evidence, and not by a person"
    action = "Do what the check expects, or waive it for a time with 'app readiness waive'."


class NeverWaived(Invalid):
    code, title = "check_never_waived", "The check may not be waived"
    action = "policies/readiness.yaml lists the checks that nobody may waive; do what the check expects."


class StatementExpiry(Invalid):
    code, title = "statement_expiry_invalid", "The end of the statement is not allowed"
    action = "Name a moment in the future that policies/readiness.yaml allows."


class StatementNotFound(NotFound):
    code, title = "readiness_statement_not_found", "There is nothing to withdraw"


@dataclass(frozen=True, slots=True)
class ReadinessStatement:
    """owner: who answers for it. actor: who said it, by key or at the command line. subject: the digest of what was
    attested; the attestation ends when it changes. withdrawn: it ends an earlier statement.
    """

    id: UUID
    kind: StatementKind
    check_id: str
    owner: str
    actor: str
    reason: str
    subject: str
    at: datetime
    expires_at: datetime
    withdrawn: bool = False

    def valid(self, now: datetime) -> bool:
        return not self.withdrawn and now < self.expires_at


def check_expiry(expires_at: datetime | None, now: datetime, max_days: int) -> datetime:
    """The end of a statement; the latest one that is allowed for None. Errors: StatementExpiry."""
    latest = now + timedelta(days=max_days)
    if expires_at is None:
        return latest
    if not now < expires_at <= latest:
        raise StatementExpiry(f"It must end after now and by {latest:%Y-%m-%d %H:%M} UTC, {max_days} days from now.")
    return expires_at


def check_waivable(check_id: str, never: Collection[str]) -> None:
    """Errors: NeverWaived."""
    if check_id in never:
        raise NeverWaived(f"{check_id} may not be waived.")
