"""Building blocks of the patterns."""

from app.safety.domain.canonical import folded_words as words

__all__ = ["GAP", "few", "words"]

GAP = r"(?:[^\w.!?;]|_)+"
"""The gap between two words of one sentence."""


def few(max_words: int) -> str:
    """A gap of at most `max_words` words."""
    return rf"(?:{GAP}[^\W_]+){{0,{max_words}}}?{GAP}"
