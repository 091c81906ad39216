from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as it was."""

    what: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Replay:
    """A past answer beside the one that its release gives now, on the documents as they were then.

    same_evidence: the same passages with the same scores. missing: passages that were deleted or closed to the groups
    since, which nothing brings back. repeatable: the answer was quoted, so its text must be the same to the byte.
    """

    answer_id: UUID
    release_id: str
    corpus_version: int
    same_evidence: bool
    same_text: bool
    repeatable: bool
    missing: int
    before: str
    after: str
    differences: tuple[Difference, ...]

    @property
    def faithful(self) -> bool:
        """Whether all is as it must be."""
        return self.same_evidence and (self.same_text or not self.repeatable)
