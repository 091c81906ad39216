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
    "attachments of a message": "app.ingestion.repository.attachment_queries.find_attached",
}


async def _always(*_: object) -> bool:
    return True


async def _none(*_: object) -> list[object]:
    return []


_WITHOUT = {"may_read": _always, "set_access": _always, "find_attached": _none}


@contextmanager
def detached(check: str) -> Iterator[None]:
    """Every reader passes this check. check: empty for none."""
    with pytest.MonkeyPatch.context() as patch:
        if check:
            place = CHECKS[check]
            patch.setattr(place, _WITHOUT.get(place.rpartition(".")[2], lambda *_: true()))
        yield
