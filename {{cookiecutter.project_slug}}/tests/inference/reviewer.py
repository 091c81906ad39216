from uuid import uuid4

from app.review.domain.items import DecisionType, ReviewKind, SubmittedDecision
from app.review.repository import ReviewFilters
from tests.inference.conftest import Service


async def decide_on(
    service: Service, kind: ReviewKind, subject: str, decision: DecisionType, text: str | None = None
) -> None:
    """A reviewer claims what waits for a person, and decides."""
    reviews = service.state.reviews
    key = await service.state.identity.create_key(service.tenant, f"ana-{uuid4().hex}", ["reviewer"])
    ana = await service.state.identity.authenticate(key.text)
    listed = await reviews.queue.list(ana, ReviewFilters(kind=kind), None, 200)
    [item] = [each for each in listed if str(each.subject_id) == subject]
    claimed = await reviews.queue.claim(ana, item.id)
    await reviews.decisions.decide(
        ana, item.id, SubmittedDecision(decision, "seen", claimed.fence, claimed.version, claimed.digest, text)
    )
