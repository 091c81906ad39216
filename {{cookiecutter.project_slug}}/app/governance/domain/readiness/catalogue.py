"""Every check of readiness, by question. Ids are stable; docs/explanation/readiness.md says what they are for."""

from app.governance.domain.readiness.catalogue_of_data import DATA_CHECKS
from app.governance.domain.readiness.catalogue_of_operation import OPERATION_CHECKS
from app.governance.domain.readiness.catalogue_of_releases import RELEASE_CHECKS
from app.governance.domain.readiness.statements import CheckNotFound
from app.governance.domain.readiness.vocabulary import QUESTIONS, ReadinessCheck

_ORDER = list(QUESTIONS)
CHECKS: tuple[ReadinessCheck, ...] = tuple(
    sorted((*DATA_CHECKS, *RELEASE_CHECKS, *OPERATION_CHECKS), key=lambda check: _ORDER.index(check.question))
)


def find_check(check_id: str) -> ReadinessCheck:
    """Errors: CheckNotFound."""
    for check in CHECKS:
        if check.id == check_id:
            return check
    raise CheckNotFound(f"There is no check '{check_id[:80]}'.")
