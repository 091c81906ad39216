"""Checks that only a person can answer."""

from app.governance.domain.readiness.facts import AttestationFacts
from app.governance.domain.readiness.operation_judges import attested
from app.governance.domain.readiness.vocabulary import OwnedPart, PlanPhase, ReadinessCheck


def attestation(
    *,
    id: str,
    question: str,
    expects: str,
    owner: OwnedPart,
    phase: PlanPhase,
    page: str,
    next_step: str,
    mistakes: tuple[int, ...],
) -> ReadinessCheck:
    """A check that is green while a person's word of this id holds."""
    return ReadinessCheck(
        id=id,
        question=question,
        expects=expects,
        owner=owner,
        source=AttestationFacts,
        judge=attested(id),
        phase=phase,
        page=page,
        next_step=next_step,
        mistakes=mistakes,
        attested=True,
    )
