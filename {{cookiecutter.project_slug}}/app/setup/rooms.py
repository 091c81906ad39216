"""Which rooms can run alone: the one table that `app serve --only` and `app worker --only` follow."""

from collections.abc import Mapping
from dataclasses import dataclass

from app.core.errors import StartRefused


@dataclass(frozen=True)
class RoomAlone:
    """What a process of this room alone does.

    serves: what it answers over HTTP; works: what it does as a worker; None where it does not run so.
    searches: whether its API searches, here or at APP_RETRIEVAL_URL. embeds: whether its worker embeds documents.
    """

    serves: str | None = None
    works: str | None = None
    searches: bool = False
    embeds: bool = False


ROOMS: Mapping[str, RoomAlone] = {
    "retrieval": RoomAlone(serves="searches for the other processes, by the key APP_ROOM_KEY", searches=True),
    "ingestion": RoomAlone("documents and quarantine", "the processing of documents", embeds=True),
    "inference": RoomAlone("questions and answers, in both formats", searches=True),
    "evaluation": RoomAlone("evaluations and their reports", "evaluations, and the watch over canaries", embeds=True),
    "review": RoomAlone("the review queue", "the review queue: what joins it, and what expires"),
    "monitoring": RoomAlone("error budgets, business value and failures", "the checks of live traffic", embeds=True),
    "actions": RoomAlone("actions and tickets", "approved actions"),
    "webhooks": RoomAlone(works="webhooks"),
    "privacy": RoomAlone(works="erasures that were interrupted, and content that is too old"),
}
SERVING = {name: room for name, room in ROOMS.items() if room.serves}
WORKING = {name: room for name, room in ROOMS.items() if room.works}
WHOLE = RoomAlone("everything", "everything", searches=True, embeds=True)
"""A process of all rooms, which needs no other."""


def serving(only: str | None) -> RoomAlone:
    """What an API process of this room does; of all rooms for None. Errors: StartRefused."""
    return _room_alone(only, "serve", SERVING)


def working(only: str | None) -> RoomAlone:
    """What a worker of this room does; of all rooms for None. Errors: StartRefused."""
    return _room_alone(only, "worker", WORKING)


def _room_alone(only: str | None, command: str, able: Mapping[str, RoomAlone]) -> RoomAlone:
    if only is None:
        return WHOLE
    if only not in able:
        raise StartRefused(f"'app {command} --only' takes {', '.join(able)}, and not {only!r}.")
    return able[only]
