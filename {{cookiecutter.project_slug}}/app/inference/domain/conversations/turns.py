"""The turns before a question: what was asked, and what was answered."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

MAX_TEXT_CHARACTERS = 2_000
"""The longest part of one question or answer that is read again; the rest is cut off."""


@dataclass(frozen=True, slots=True)
class Turn:
    """question, answer: each may be empty. searched_for: the question of that turn as it was searched, where it is
    known. headings: of the passages that the answer cites. answer_id, documents: of a stored answer, and what it was
    derived from.
    """

    question: str
    answer: str = ""
    searched_for: str | None = None
    headings: tuple[str, ...] = ()
    answer_id: UUID | None = None
    documents: tuple[UUID, ...] = ()

    @property
    def characters(self) -> int:
        return len(self.question) + len(self.answer)


def turns_of(messages: Iterable[tuple[str, str]]) -> tuple[Turn, ...]:
    """The turns of messages, each with its role: `user` or `assistant`. Messages of one role in a row are one text."""
    turns: list[Turn] = []
    last = ""
    for role, text in messages:
        if not text.strip():
            continue
        if role == "user":
            if turns and last == "user":
                turns[-1] = replace(turns[-1], question=f"{turns[-1].question}\n{text}")
            else:
                turns.append(Turn(text))
        elif turns:
            turns[-1] = replace(turns[-1], answer=f"{turns[-1].answer}\n{text}".strip())
        else:
            turns.append(Turn("", text))
        last = role
    return tuple(turns)


def bounded(turns: Sequence[Turn], most: int, characters: int) -> tuple[Turn, ...]:
    """The last turns, at most so many and with so many characters together; long texts are cut."""
    kept: list[Turn] = []
    for turn in reversed(turns[-most:] if most else ()):
        cut = replace(turn, question=turn.question[:MAX_TEXT_CHARACTERS], answer=turn.answer[:MAX_TEXT_CHARACTERS])
        characters -= cut.characters
        if characters < 0:
            break
        kept.append(cut)
    return tuple(reversed(kept))
