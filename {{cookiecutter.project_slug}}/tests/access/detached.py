"""The checks of access that a random sequence meets, each of which can be detached to see how soon that is found."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import true

CHECKS = {
    "answers": "app.inference.repository.reading.readable_by",
    "replays": "app.inference.service.replay_answer.may_read",
    "actions": "app.actions.repository.action_queries.readable_by",
    "notes of tickets": "app.actions.repository.ticket_queries.readable_by",
    "reviews": "app.review.repository.readable_by",
    "opening by a source": "app.ingestion.service.sharing.check_opening",
    "revocations by a source": "app.retrieval.service.publishing.set_access",
}


async def _always(*_: object) -> bool:
    return True


@contextmanager
def detached(check: str) -> Iterator[None]:
    """Every reader passes this check. check: empty for none."""
    with pytest.MonkeyPatch.context() as patch:
        if check:
            place = CHECKS[check]
            patch.setattr(place, _always if place.endswith(("may_read", "set_access")) else lambda *_: true())
        yield
