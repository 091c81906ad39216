from dataclasses import dataclass


@dataclass(frozen=True)
class MadeDocument:
    """A file with the words that its reader sees."""

    name: str
    data: bytes
    words: str
