"""Questions that were asked again: the counter-measure to answers that only seemed to settle one."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

MAX_COMPARED = 50
"""The most earlier questions of one asker that a new one is compared with."""


@dataclass(frozen=True, slots=True)
class AskedQuestion:
    """asker: the conversation, or the key where there is none. words: those that carry meaning."""

    answer_id: UUID
    asker: str
    at: datetime
    words: frozenset[str]


def asked_again(questions: Iterable[AskedQuestion], within: timedelta, overlap: float) -> frozenset[UUID]:
    """The answers after which the same asker asked the same again within the time.

    overlap: the share of the words of both from which on two questions are the same.
    """
    again: set[UUID] = set()
    recent: dict[str, list[AskedQuestion]] = {}
    for question in sorted(questions, key=lambda each: (each.at, each.answer_id)):
        earlier = [each for each in recent.get(question.asker, ()) if question.at - each.at <= within]
        again |= {each.answer_id for each in earlier if _same(each.words, question.words, overlap)}
        recent[question.asker] = [*earlier[1 - MAX_COMPARED :], question]
    return frozenset(again)


def _same(one: frozenset[str], other: frozenset[str], overlap: float) -> bool:
    return bool(one) and len(one & other) >= overlap * len(one | other)


def asker_of(unit: str, tenant_id: UUID, key_id: UUID | None) -> str:
    """unit: the conversation, or the tenant where the question had none."""
    return f"key {key_id}" if unit == str(tenant_id) else f"conversation {unit}"
